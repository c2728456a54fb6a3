"""Services by the container images they run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from patchpact.scenarios.errors import shown
from patchpact.scenarios.importers.evidence import SCORES, Candidate
from patchpact.scenarios.importers.records import GraphNode


class ImageName(NamedTuple):
    """A container image's reference in its parts; `repository` has no registry and no `library/`."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def last(self) -> str:
        """The last part of the repository: what people call the image."""
        return self.repository.rpartition("/")[2]

    @classmethod
    def of(cls, text: str) -> ImageName:
        """The parts of a reference as tools write it (`docker.io/library/redis:6 (debian 11)` and the like)."""
        text = re.sub(r"\s*\(.*", "", text.strip(), flags=re.DOTALL)
        text = re.sub(r"^(?:[a-z-]+://|(?:docker-daemon|docker-archive|oci|oci-dir|podman):)", "", text)
        text = re.sub(r"^(?:docker|registry):(?=.*[/:])|\.tar(?:\.gz)?$", "", text)
        name, _, digest = text.partition("@")
        head, slash, tail = name.rpartition("/")
        tail, _, tag = tail.partition(":")
        parts = [part for part in f"{head}{slash}{tail}".casefold().split("/") if part]
        registry = ""
        if len(parts) > 1 and (set(".:") & set(parts[0]) or parts[0] == "localhost"):
            registry = parts.pop(0)
        if registry in ("docker.io", "index.docker.io", "registry-1.docker.io"):
            registry = ""
        if len(parts) == 2 and parts[0] == "library":
            parts.pop(0)
        return cls(registry, "/".join(parts), tag, digest.casefold())


class Images:
    """Services by the images they run."""

    def __init__(self, nodes: Sequence[GraphNode]) -> None:
        self._by_digest: dict[str, list[tuple[str, ImageName]]] = {}
        self._by_repository: dict[str, list[tuple[str, ImageName]]] = {}
        self._by_last: dict[str, list[tuple[str, ImageName]]] = {}
        for node in nodes:
            image = ImageName.of(node.image)
            if not image.repository:
                continue
            if image.digest:
                self._by_digest.setdefault(image.digest, []).append((node.id, image))
            self._by_repository.setdefault(image.repository, []).append((node.id, image))
            self._by_last.setdefault(image.last, []).append((node.id, image))

    def find(self, text: str) -> Iterable[Candidate]:
        """Services whose image is the one the text names, or another version or copy of it."""
        asked = ImageName.of(text)
        if not asked.repository:
            return
        for service, image in self._by_digest.get(asked.digest, ()) if asked.digest else ():
            yield _image_candidate("image digest", service, text, image)
        for service, image in self._by_repository.get(asked.repository, ()):
            yield _image_candidate(_same_image(asked, image), service, text, image)
        for service, image in self._by_last.get(asked.last, ()):
            if image.repository != asked.repository:
                yield _image_candidate("image name", service, text, image)


def _same_image(asked: ImageName, image: ImageName) -> str:
    digests_differ = asked.digest and image.digest and asked.digest != image.digest
    tags_differ = asked.tag and image.tag and asked.tag != image.tag
    if digests_differ or tags_differ:
        return "image, other version"
    return "image" if asked.registry == image.registry else "image, other registry"


def _image_candidate(kind: str, service: str, text: str, image: ImageName) -> Candidate:
    return Candidate(SCORES[kind], service, f"{kind}: {shown(text)}", "image " + "|".join(image))


def image_of_purl(purl: str) -> str:
    """The image that an `oci` or `docker` purl names."""
    body, _, qualifiers = purl.partition("?")
    name = body.split("/", 1)[1].replace("%3A", ":").replace("%2F", "/").replace("%40", "@")
    for pair in qualifiers.split("&"):
        key, _, value = pair.partition("=")
        if key == "repository_url" and value:
            name = value.replace("%2F", "/").replace("%3A", ":") + "@" + name.partition("@")[2]
    return name
