"""`lstmctl completion`: the script that lets a shell complete commands, options, models and data sets."""

import os
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import option
from lstmctl.errors import CannotCreate, UsageError
from lstmctl.storage.filesystem import os_errors, write_file

EXAMPLES = """
Examples:
  lstmctl completion --install          for the shell of $SHELL
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
        [[ -n $reply ]] || continue  # with no reply at all, bash completes names of files
        [[ $word == --*=* && $reply != -* ]] && reply="${word%%=*}=$reply"
        COMPREPLY+=("${reply#"$begun"}")
    done < <(COMP_WORDS="${words[*]//=/ }" COMP_CWORD=$(( ${#words[@]} - 1 + $(tr -cd = <<<"$line" | wc -c) )) \
        _LSTMCTL_COMPLETE=complete_bash lstmctl 2>/dev/null)
}
complete -o default -F _lstmctl_completion lstmctl
"""


# Zsh reads the script when Tab is pressed for the first time, which Typer's script then does not answer.
_ZSH_FIRST_CALL = '\n[[ $funcstack[1] == _lstmctl ]] && _lstmctl_completion "$@"'

SHELLS = ("bash", "zsh", "fish")


class _Place(NamedTuple):
    """Where a shell's script belongs, and what its start-up file needs so that the script is read."""

    script: str  # below the user's folder
    startup: str | None = None
    lines: str = ""


_PLACES = {
    "bash": _Place(
        ".local/share/bash-completion/completions/lstmctl",
        ".bashrc",
        'source "$HOME/.local/share/bash-completion/completions/lstmctl"\n',
    ),
    "zsh": _Place(".zfunc/_lstmctl", ".zshrc", 'fpath=("$HOME/.zfunc" $fpath)\nautoload -Uz compinit && compinit\n'),
    "fish": _Place(".config/fish/completions/lstmctl.fish"),
}


def command(
    shell: Annotated[
        Literal["bash", "zsh", "fish"] | None, typer.Argument(metavar="[bash|zsh|fish]", help="Your shell.")
    ] = None,
    install: Annotated[bool, option("--install", "Set it up for new shells. Default shell: that of $SHELL.")] = False,
) -> None:
    """Print a completion script for your shell, or set it up."""
    console = Console.open(endings=None)
    name = shell or _login_shell()
    if name is None or (shell is None and not install):
        hint = "lstmctl completion bash prints it; lstmctl completion --install bash sets it up"
        raise UsageError("which shell: bash, zsh or fish?", hint=hint)
    if not install:
        console.result(_script(name))
        return
    for path in install_script(name, Path(os.path.expanduser("~"))):
        console.result(str(path))
    console.note(("completion works in new shells", "dim"))


def _login_shell() -> str | None:
    name = os.path.basename(os.environ.get("SHELL", ""))
    return name if name in SHELLS else None


def _script(shell: str) -> str:
    if shell == "bash":
        return _BASH.strip("\n")
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # exists, but is not re-exported

    script = get_completion_script(prog_name="lstmctl", complete_var="_LSTMCTL_COMPLETE", shell=shell)
    return script.rstrip("\n") + _ZSH_FIRST_CALL if shell == "zsh" else script


def install_script(shell: str, user: Path) -> list[Path]:
    """Write a shell's script below the folder of the user, and add what reads it to the shell's start-up file unless
    it is there already; the files that are new or changed, or were right already."""
    if not user.is_absolute() or not user.is_dir():
        raise CannotCreate("this user has no folder", hint=f"lstmctl completion {shell} prints the script")
    script, startup, lines = _PLACES[shell]
    path = user / script
    with os_errors(f"make the folder {path.parent}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, (_script(shell) + "\n").encode(), force=True)
    if startup is None:
        return [path]
    with os_errors(f"read {user / startup}"):
        old = (user / startup).read_bytes() if (user / startup).exists() else b""
    if lines.encode() not in old:
        separator = b"" if not old or old.endswith(b"\n") else b"\n"
        addition = f"\n# Completion of lstmctl\n{lines}".encode()
        write_file(user / startup, old + separator + addition, force=True)
    return [path, user / startup]
