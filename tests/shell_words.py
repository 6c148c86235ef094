"""The programs that a shell script calls: the words where the shell's grammar has a command's name."""

import re
from collections.abc import Container

KEYWORDS = {"!", "{", "}", "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac", "time"}
BUILTINS = {
    *(
        ":",
        ".",
        "[",
        "break",
        "cd",
        "command",
        "continue",
        "echo",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "getopts",
    ),
    *("local", "printf", "pwd", "read", "return", "set", "shift", "test", "times", "trap", "true", "type", "ulimit"),
    *("umask", "unset", "wait"),
}
RUNNERS = {"env", "flock", "nice", "systemd-run", "timeout", "xargs"}
"""Their arguments name a program too, after options that only they know."""
_NAME = re.compile(r"[A-Za-z0-9_.+:\[-]+")
_TOKEN = re.compile(
    r"(?P<space>(?:[ \t]|\\\n)+)|(?P<comment>(?<![^\s;&|()])\#[^\n]*)|(?P<redirect>\d*(?:>>|<<|>&|<&|>\||>|<))"
    r"|(?P<end>;;|&&|\|\||[;&|\n()])"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def called(text: str, programs: Container[str]) -> set[str]:
    """Every program that the script names as a command, in substitutions too; not what it defines itself.

    + programs: what counts as one among the arguments of such as xargs
    """
    reader = _Reader(text)
    reader.script()
    return (reader.found | {word for word in reader.arguments if word in programs}) - reader.functions - BUILTINS


class _Reader:
    """Reads what POSIX's shell grammar needs for this, and refuses what these scripts have no use for."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.found: set[str] = set()
        self.arguments: set[str] = set()
        self.functions: set[str] = set()

    def inside(self, text: str) -> None:
        """Read a script that is in this one."""
        reader = _Reader(text)
        reader.script()
        self.found |= reader.found
        self.arguments |= reader.arguments
        self.functions |= reader.functions

    def script(self) -> None:
        """To the end of the text."""
        words: list[str] = []
        while self.at < len(self.text):
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                self._take(words)
                continue
            self.at = match.end()
            if match.lastgroup == "redirect":
                assert match.group() != "<<", "no here-documents"
                self._space()
                self._word()
            elif match.lastgroup == "end":
                if match.group() == "(" and len(words) == 1 and self.text.startswith(")", self.at):
                    self.functions.add(words[0])
                    self.at += 1
                words.clear()
                if match.group() == ";;":
                    self._pattern()

    def _take(self, words: list[str]) -> None:
        """The next word of a command: its name, or an argument."""
        word = self._word()
        if not words and (word in KEYWORDS or _ASSIGNMENT.match(word)):
            return
        words.append(word)
        if len(words) == 1:
            if word not in ("case", "for") and _NAME.fullmatch(word):
                self.found.add(word)
        elif words[0] == "case" and word == "in":
            words.clear()
            self._pattern()
        elif words[-2] == "-c" and "sh" in words:
            self.inside(word.strip("\"'"))
        elif words[0] in RUNNERS:
            self.arguments.add(word)

    def _space(self) -> None:
        while self.text[self.at] in " \t":
            self.at += 1

    def _pattern(self) -> None:
        """Past a case's pattern, up to the parenthesis; the end of the case is none."""
        self.at = re.compile(r"(?:\s|#[^\n]*\n)*").match(self.text, self.at).end()
        if not re.compile(r"esac\b").match(self.text, self.at):
            while self.text[self.at] != ")":
                if self.text[self.at] in " |":
                    self.at += 1
                else:
                    self._word()

    def _word(self) -> str:
        """One word, with its quotes; what is substituted in it is read as a script of its own."""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in " \t\n;&|()<>":
            self._character()
        assert self.at > start, self.text[start : start + 40]
        return self.text[start : self.at]

    def _character(self) -> None:
        character = self.text[self.at]
        if character == "\\":
            self.at += 2
        elif character == "'":
            self.at = self.text.index("'", self.at + 1) + 1
        elif character == '"':
            self.at += 1
            while self.text[self.at] != '"':
                self._dollar() if self.text[self.at] == "$" else self._quoted()
            self.at += 1
        elif character == "$":
            self._dollar()
        else:
            assert character != "`", "no backquotes"
            self.at += 1

    def _quoted(self) -> None:
        self.at += 2 if self.text[self.at] == "\\" else 1

    def _dollar(self) -> None:
        if self.text.startswith("$((", self.at):
            self._until("$((", "))")
        elif self.text.startswith("$(", self.at):
            self._until("$(", ")")
        elif self.text.startswith("${", self.at):
            depth = 0
            while True:
                depth += {"{": 1, "}": -1}.get(self.text[self.at], 0)
                self.at += 1
                if depth == 0 and self.text[self.at - 1] == "}":
                    return
        else:
            self.at += 1

    def _until(self, opening: str, closing: str) -> None:
        """Past a substitution; its inside is a script, or arithmetic that may have one inside."""
        begin = self.at + len(opening)
        self.at = begin
        depth = 0
        while depth or not self.text.startswith(closing, self.at):
            character = self.text[self.at]
            if character == "(":
                depth, self.at = depth + 1, self.at + 1
            elif character == ")":
                depth, self.at = depth - 1, self.at + 1
            else:
                self._character()
        inside = self.text[begin : self.at]
        self.at += len(closing)
        if opening == "$(":
            self.inside(inside)
