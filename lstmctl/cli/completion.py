"""`lstmctl completion`: the script that lets a shell complete commands, options, models and data sets."""

from typing import Annotated, Literal

import typer

from lstmctl.cli.console import Console

EXAMPLES = """
Examples:
  lstmctl completion bash >> ~/.bashrc
  lstmctl completion zsh > ~/.zfunc/_lstmctl
  lstmctl completion fish > ~/.config/fish/completions/lstmctl.fish
"""

# Bash also splits words at @, = and :. This script passes whole words to the program, and removes from each reply the
# part up to the last such character, because bash has it on the line already.
_BASH = r"""
_lstmctl_completion() {
    local line=${COMP_LINE:0:COMP_POINT} word reply
    word=${line##*[[:space:]]}
    local words=($line)
    [[ $line == *[[:space:]] ]] && words+=("")
    COMPREPLY=()
    local typed=${COMP_WORDS[COMP_CWORD]} begun=${word%"${word##*[@=:]}"}
    while IFS= read -r reply; do
        [[ $word == --*=* && $reply != -* ]] && reply="${word%%=*}=$reply"
        COMPREPLY+=("${reply#"$begun"}")
    done < <(COMP_WORDS="${words[*]//=/ }" COMP_CWORD=$(( ${#words[@]} - 1 + $(tr -cd = <<<"$line" | wc -c) )) \
        _LSTMCTL_COMPLETE=complete_bash lstmctl 2>/dev/null)
}
complete -o default -F _lstmctl_completion lstmctl
"""


def command(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="bash|zsh|fish", help="Your shell.")],
) -> None:
    """Print a completion script for your shell."""
    console = Console.open(endings=None)
    if shell == "bash":
        console.result(_BASH.strip("\n"))
        return
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # exists, but is not re-exported

    console.result(get_completion_script(prog_name="lstmctl", complete_var="_LSTMCTL_COMPLETE", shell=shell))
