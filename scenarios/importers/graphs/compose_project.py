"""The services of a compose project: files merged as compose merges them, variables put in, references followed.

A service keeps what each file says of a field as a `Part`, so that evidence names the right file and line.
Fields that compose replaces keep the last part, those it adds up keep all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.graphs.env_file import Variables, env_entries
from patchpact.scenarios.importers.graphs.rows import file_name
from patchpact.scenarios.importers.reading import Located, LocatedList, Root, Tagged, read_source, yaml_documents

MAX_FILES = 200
MAX_EXTENDS = 50
_TAGS = ("!reset", "!override")
_BASE_NAME = re.compile(r"(?i)(docker-)?compose\.(ya?ml|json)\Z")
_ADDED_UP = frozenset(
    {
        "build", "configs", "depends_on", "deploy", "expose", "external_links", "labels", "links", "networks", "ports",
        "profiles", "volumes",
    }
)  # fmt: skip
_NOT_EXTENDED = ("depends_on", "links", "external_links", "volumes_from")
_ENTRY = re.compile(r"([^=]*)(?:=(.*))?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """What one file says of a field: its value, the file as evidence names it, the field's line, the file's folder."""

    value: Any
    file: str
    line: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable of a service: its value (None if it is not set), its place, the shared file it comes from."""

    value: str | None
    place: str
    block: str = ""


@dataclass
class Service:
    """A service after merging: fields by name, variables of env files and its own."""

    name: str
    place: str
    parts: dict[str, list[Part]] = field(default_factory=dict)
    filed: dict[str, Setting] = field(default_factory=dict)
    own: dict[str, Setting] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)

    @property
    def settings(self) -> dict[str, Setting]:
        """All variables; its own go before those of env files."""
        return {**self.filed, **self.own}

    def last(self, name: str) -> Part | None:
        """What the last file says of a field."""
        parts = self.parts.get(name)
        return parts[-1] if parts else None

    def entries(self, name: str) -> Iterator[tuple[Any, Any, str]]:
        """Entries of a field of all files: (key, value, `file: line N (field)`); the key of a list's item is None."""
        for part in self.parts.get(name, ()):
            value = part.value
            if isinstance(value, Located):
                for key, item in value.items():
                    yield key, item, f"{part.file}: line {value.line_of(key)} ({name})"
            elif isinstance(value, LocatedList):
                for index, item in enumerate(value):
                    yield None, item, f"{part.file}: line {value.line_of(index)} ({name})"
            elif value is not None:
                yield None, value, f"{part.file}: line {part.line} ({name})"

    def over(self, base: Service) -> Service:
        """This service laid over an earlier one."""
        place = self.place if self.place == base.place else f"{base.place}; {self.place}"
        made = Service(self.name, place, dict(base.parts), dict(base.filed), dict(base.own))
        made.replaced = set(self.replaced)
        for name, parts in self.parts.items():
            adds = name in _ADDED_UP and name not in self.replaced
            made.parts[name] = [*base.parts.get(name, ()), *parts] if adds else parts
        if "environment" in self.replaced:
            made.own.clear()
        if "env_file" in self.replaced:
            made.filed.clear()
        made.filed.update(self.filed)
        made.own.update(self.own)
        return made


class Project:
    """The services of all files. `configs` are the project's configurations, `warnings` what was not found."""

    def __init__(self, files: Sequence[Path], root: Root) -> None:
        """Reads the files, plain `compose.yaml` of a folder before its variants, else in the order given.

        ScenarioError for a file that is no compose file, `extends` or `include` of what is not there or in
        circles, and references that leave the root.
        """
        self.root = root
        self.services: dict[str, Service] = {}
        self.configs: dict[str, Part] = {}
        self.warnings: list[str] = []
        self.variables = Variables()
        self._documents: dict[Path, Located] = {}
        self._env_files: dict[Path, list[tuple[str, str | None, int]]] = {}
        self._including: list[Path] = []
        ordered = sorted(files, key=lambda path: not _BASE_NAME.fullmatch(path.name))
        folder = ordered[0].resolve().parent
        dotenv = root.find(folder / ".env", self.name_of(folder / ".env"), "file") if root.holds(folder) else None
        if dotenv is not None and dotenv.stat().st_size:
            name = self.name_of(dotenv)
            self.variables.add(env_entries(read_source(dotenv, name)), name)
        for path in ordered:
            self._add_file(path)

    def name_of(self, path: Path) -> str:
        """The file as evidence names it."""
        return file_name(path, self.root)

    def text(self, value: Any, where: str = "", field_name: str = "variables") -> str:
        """A plain value as text with its variables put in."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return self.variables.put_in(value, where, field_name)
        return "" if value is None or isinstance(value, dict | list) else str(value)

    def _document(self, path: Path) -> Located:
        """The mappings of a compose file, read once; of several documents each adds its keys."""
        real = path.resolve()
        if real not in self._documents:
            where = self.name_of(path)
            if len(self._documents) >= MAX_FILES:
                raise ScenarioError(where, "include", f"more than {MAX_FILES} files", "give fewer files")
            merged = Located(1)
            for document in yaml_documents(read_source(path, where), where, _TAGS):
                if not isinstance(document, Located):
                    raise ScenarioError(where, "file", "is no mapping", "give a file with `services:`")
                merged.update(document)
                merged.lines.update(document.lines)
            self._documents[real] = merged
        return self._documents[real]

    def _add_file(self, path: Path) -> None:
        """Lay a file over what is there, after what it includes."""
        where, real = self.name_of(path), path.resolve()
        if real in self._including:
            raise ScenarioError(where, "include", "the file includes itself", "break the circle")
        self._including.append(real)
        document = self._document(path)
        for entry in _items(document.get("include")):
            place = f"line {document.line_of('include')} (include)"
            for name in _items(entry.get("path") if isinstance(entry, Located) else entry):
                self._add_file(self.root.resolve(real.parent / self.text(name), where, place))
        services = self._declared(document, where)
        for name, declared in services.items():
            made = self._service(str(name), declared, path, services.line_of(name), ())
            before = self.services.get(made.name)
            self.services[made.name] = made.over(before) if before else made
        configs = _plain(document.get("configs"))
        if isinstance(configs, Located):
            for name, config in configs.items():
                self.configs[str(name)] = Part(config, where, configs.line_of(name), real.parent)
        self._including.pop()

    def _declared(self, document: Located, where: str) -> Located:
        """The services of a document; the first compose format had them at the top."""
        if "services" in document:
            services = _plain(document["services"])
            if services is None:
                return Located(document.line)
            if not isinstance(services, Located):
                place = f"line {document.line_of('services')} (services)"
                raise ScenarioError(where, place, "is no mapping", "write each service's name beneath `services:`")
            return services
        made = Located(document.line)
        for key, value in document.items():
            if isinstance(value, Located) and not str(key).startswith("x-") and {"image", "build"} & set(value):
                made[key] = value
                made.lines[key] = document.lines[key]
        return made

    def _service(self, name: str, declared: Any, path: Path, line: int, seen: tuple[tuple[Path, str], ...]) -> Service:
        """A service as one file has it, with what it extends."""
        where, folder = self.name_of(path), path.resolve().parent
        declared = _plain(declared)
        if declared is None:
            declared = Located(line)
        if not isinstance(declared, Located):
            place = f"line {line} (services.{name})"
            raise ScenarioError(where, place, "is no mapping", "write the service's fields beneath its name")
        made = Service(name, f"{where}: line {line} (services.{name})")
        for key, value in declared.items():
            if isinstance(value, Tagged):
                made.replaced.add(str(key))
                value = None if value.tag == "!reset" else value.value
                made.parts[str(key)] = [] if value is None else [Part(value, where, declared.line_of(key), folder)]
            else:
                made.parts[str(key)] = [Part(value, where, declared.line_of(key), folder)]
        for part in made.parts.get("env_file", ()):
            made.filed.update(self._filed(part))
        for part in made.parts.get("environment", ()):
            made.own.update(self._own(part))
        if made.parts.get("extends"):
            made = made.over(self._extended(made.parts["extends"][0], path, seen))
        return made

    def _extended(self, part: Part, path: Path, seen: tuple[tuple[Path, str], ...]) -> Service:
        where, place = part.file, f"line {part.line} (extends)"
        wanted = part.value
        base, file = (wanted.get("service"), wanted.get("file")) if isinstance(wanted, Located) else (wanted, None)
        base_path = path if file is None else self.root.resolve(part.folder / self.text(file), where, place)
        step = (base_path.resolve(), str(base))
        if step in seen or len(seen) >= MAX_EXTENDS:
            raise ScenarioError(where, place, f"{shown(str(base))} extends itself", "break the circle")
        services = self._declared(self._document(base_path), self.name_of(base_path))
        if not isinstance(base, str) or base not in services:
            raise ScenarioError(where, place, f"no service {shown(str(base))} to extend", "name a service of that file")
        made = self._service(base, services[base], base_path, services.line_of(base), (*seen, step))
        for key in _NOT_EXTENDED:
            made.parts.pop(key, None)
        return made

    def _filed(self, part: Part) -> Iterator[tuple[str, Setting]]:
        """Variables of the env files that a field names."""
        place = f"line {part.line} (env_file)"
        for entry in _items(part.value):
            name = entry.get("path") if isinstance(entry, Located) else entry
            if not isinstance(name, str):
                raise ScenarioError(part.file, place, "is no path", "write the path of a file")
            name = self.text(name)
            path = self.root.find(part.folder / name, part.file, place)
            if path is None:
                self.warnings.append(f"{part.file}: {place}: no such file: {shown(name)}; hosts in it are not seen")
                continue
            file = self.name_of(path)
            for key, value, line in self._env_file(path):
                yield key, Setting(value, f"{file}: line {line} ({key})", file)

    def _env_file(self, path: Path) -> list[tuple[str, str | None, int]]:
        if path not in self._env_files:
            file = self.name_of(path)
            entries = env_entries(read_source(path, file)) if path.stat().st_size else []
            inner = Variables(self.variables)
            inner.add(entries, file)
            self._env_files[path] = [(entry.name, inner.get(entry.name), entry.line) for entry in entries]
        return self._env_files[path]

    def _own(self, part: Part) -> Iterator[tuple[str, Setting]]:
        """Variables that a service sets itself; one without a value is passed through from `.env`."""
        value = part.value
        if isinstance(value, Located):
            rows = [(str(key), item, value.line_of(key)) for key, item in value.items()]
        elif isinstance(value, LocatedList):
            texts = [(_ENTRY.match(str(item)), value.line_of(index)) for index, item in enumerate(value)]
            rows = [(match[1].strip(), match[2], line) for match, line in texts if match]
        else:
            return
        for key, item, line in rows:
            evidence = f"{part.file}: line {line} (environment.{key})"
            if item is None:
                place = self.variables.place(key)
                yield key, Setting(self.variables.get(key), f"{evidence}; {place} ({key})" if place else evidence)
            else:
                yield key, Setting(self.text(item, part.file, f"line {line} (environment.{key})"), evidence)


def _plain(value: Any) -> Any:
    """A value without its tag; what is reset is None."""
    if isinstance(value, Tagged):
        return None if value.tag == "!reset" else value.value
    return value


def _items(value: Any) -> list[Any]:
    value = _plain(value)
    if value is None:
        return []
    return value if isinstance(value, LocatedList) else [value]
