"""Packages as tools name them, brought to one spelling: component, ecosystem and purl.

Ecosystems are spelled as in the OSV schema (`npm`, `PyPI`, `Maven`, `Go`, `crates.io`, `Debian`, ...), as the
bundled data are; components as their registry writes them (`group:artifact`, `@scope/name`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from packageurl import PackageURL

_LANGUAGES = {
    "npm": "npm", "pypi": "PyPI", "maven": "Maven", "golang": "Go", "gem": "RubyGems", "cargo": "crates.io",
    "composer": "Packagist", "nuget": "NuGet", "hex": "Hex", "pub": "Pub", "conan": "ConanCenter", "cran": "CRAN",
    "swift": "SwiftURL", "hackage": "Hackage", "julia": "Julia", "cocoapods": "CocoaPods", "conda": "conda",
    "githubactions": "GitHub Actions", "bitnami": "Bitnami", "docker": "image", "oci": "image", "generic": "generic",
}  # fmt: skip
_DISTRIBUTIONS = {
    "debian": ("deb", "Debian"), "ubuntu": ("deb", "Ubuntu"), "alpine": ("apk", "Alpine"), "wolfi": ("apk", "Wolfi"),
    "chainguard": ("apk", "Chainguard"), "redhat": ("rpm", "Red Hat"), "rhel": ("rpm", "Red Hat"),
    "centos": ("rpm", "CentOS"), "rocky": ("rpm", "Rocky Linux"), "alma": ("rpm", "AlmaLinux"),
    "almalinux": ("rpm", "AlmaLinux"), "oracle": ("rpm", "Oracle Linux"), "oraclelinux": ("rpm", "Oracle Linux"),
    "amazon": ("rpm", "Amazon Linux"), "amzn": ("rpm", "Amazon Linux"), "fedora": ("rpm", "Fedora"),
    "suse": ("rpm", "SUSE"), "opensuse": ("rpm", "openSUSE"), "photon": ("rpm", "Photon OS"),
    "azurelinux": ("rpm", "Azure Linux"), "cbl-mariner": ("rpm", "Azure Linux"), "mariner": ("rpm", "Azure Linux"),
    "arch": ("alpm", "Arch Linux"), "gentoo": ("ebuild", "Gentoo"),
}  # fmt: skip
_FORMAT_DISTRIBUTION = {"deb": "Linux", "apk": "Linux", "rpm": "Linux", "alpm": "Arch Linux", "ebuild": "Gentoo"}
_TYPES = {
    "npm": "npm yarn pnpm bun node-pkg nodejs node javascript js packagelock",
    "pypi": "pypi pip pipenv poetry uv pylock python python-pkg",
    "maven": "maven jar pom gradle gradle-lockfile sbt sbt-lockfile java java-archive jenkins-plugin",
    "golang": "go golang gomod gobinary go-module",
    "gem": "gem rubygems bundler gemspec ruby",
    "cargo": "cargo crates.io rustbinary rust-crate rust",
    "composer": "composer packagist composer-vendor php-composer php",
    "nuget": "nuget dotnet-core dotnet dotnet-deps packages-props packages-config",
    "hex": "hex mix-lock", "pub": "pub pub-spec dart-pub dart", "conan": "conan conan-lock conancenter",
    "cran": "cran r-package", "swift": "swift swifturl", "hackage": "hackage", "julia": "julia",
    "cocoapods": "cocoapods pod", "conda": "conda conda-pkg conda-environment", "bitnami": "bitnami",
    "githubactions": "github-action github actions", "docker": "image docker", "oci": "oci",
    "generic": "generic binary",
    "deb": "deb dpkg", "apk": "apk", "rpm": "rpm", "alpm": "alpm", "ebuild": "portage ebuild",
}  # fmt: skip
_TYPE_OF = {word: purl_type for purl_type, words in _TYPES.items() for word in words.split()}
_TYPE_OF["github actions"] = "githubactions"
_SLASHED = frozenset({"npm", "golang", "composer", "docker", "oci", "swift", "github", "githubactions"})


class Package(NamedTuple):
    """A package in common spelling; what is not known is empty."""

    component: str
    version: str
    ecosystem: str
    purl: str


@lru_cache(maxsize=65_536)
def parsed_purl(text: str) -> PackageURL | None:
    """The package URL, None if the text is none."""
    if not text.startswith("pkg:"):
        return None
    try:
        return PackageURL.from_string(text)
    except (ValueError, TypeError, AttributeError, LookupError):
        return None


@lru_cache(maxsize=65_536)
def package(name: str, version: str, kind: str = "", purl: str = "") -> Package:
    """The package by its purl if that can be read, else by name, version and the tool's word for its kind.

    A purl that the tool does not state is made where the kind is known; it then has no qualifiers.
    """
    stated = parsed_purl(purl)
    if stated is not None:
        return Package(
            _component(stated) or name, version or stated.version or "", ecosystem_of(stated, kind), stated.to_string()
        )
    made = _made_purl(name, version, kind)
    if made is None:
        return Package(name, version, kind, "")
    return Package(_component(made), version, ecosystem_of(made, kind), made.to_string())


def ecosystem_of(purl: PackageURL, kind: str = "") -> str:
    """The ecosystem of a purl in common spelling; packages of a distribution go by its name."""
    if purl.type in _FORMAT_DISTRIBUTION:
        for word in (purl.namespace or "", kind):
            known = _DISTRIBUTIONS.get(_bare(word))
            if known:
                return known[1]
        return _FORMAT_DISTRIBUTION[purl.type]
    return _LANGUAGES.get(purl.type, purl.type)


def is_system(kind: str) -> bool:
    """Whether a tool's word for a kind of package names a Linux distribution."""
    return _bare(kind) in _DISTRIBUTIONS


def _bare(kind: str) -> str:
    """`Debian:11` and `opensuse-leap` without what tells releases apart, in lower case."""
    word = kind.lower().partition(":")[0]
    return "opensuse" if word.startswith("opensuse") else word.replace(" linux", "").replace("red hat", "redhat")


def _component(purl: PackageURL) -> str:
    if purl.namespace and purl.type == "maven":
        return f"{purl.namespace}:{purl.name}"
    return f"{purl.namespace}/{purl.name}" if purl.namespace and purl.type in _SLASHED else purl.name


def _made_purl(name: str, version: str, kind: str) -> PackageURL | None:
    word = _bare(kind)
    purl_type, namespace = _TYPE_OF.get(word), ""
    if word in _DISTRIBUTIONS:
        purl_type, namespace = _DISTRIBUTIONS[word][0], {"rhel": "redhat", "amzn": "amazon"}.get(word, word)
    if not purl_type or not name or len(name) > 400:
        return None
    if purl_type == "maven":
        namespace, _, name = name.rpartition(":")
    elif purl_type in _SLASHED:
        namespace, _, name = name.rpartition("/")
    try:
        return PackageURL(purl_type, namespace or None, name, version or None)
    except (ValueError, TypeError, AttributeError, LookupError):
        return None


class ImageName(NamedTuple):
    """A container image: repository without the default registry, tag and digest, "" where not stated."""

    repository: str
    tag: str
    digest: str


_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9.-]*(?::\d+)?(?:/[a-z0-9._/-]+)?\Z|[a-z0-9][a-z0-9._/-]*\Z", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z", re.ASCII)
_DEFAULT_REGISTRY = re.compile(r"\A(?:(?:docker\.io|index\.docker\.io|registry-1\.docker\.io)/(?:library/)?|library/)")


@lru_cache(maxsize=65_536)
def image_name(text: str) -> ImageName | None:
    """The parts of an image's name (`registry:5000/team/app:1.2@sha256:...`), None if it is none."""
    named, _, digest = text.partition("@")
    folder, slash, last = named.rpartition("/")
    name, colon, tag = last.partition(":")
    repository = f"{folder}{slash}{name}"
    if len(text) > 500 or not name or not _REPOSITORY.match(repository) or (colon and not _TAG.match(tag)):
        return None
    return ImageName(_DEFAULT_REGISTRY.sub("", repository, count=1), tag, digest)


def image_of_purl(purl: PackageURL) -> ImageName | None:
    """The image that a `pkg:oci` or `pkg:docker` names; its repository is the last name where no more is said."""
    qualifiers = purl.qualifiers or {}
    version = unquote(purl.version or "")
    digest = version if version.startswith("sha256:") else ""
    tag = str(qualifiers.get("tag", "")) or ("" if digest else version)
    if purl.type == "docker":
        repository = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
        registry = str(qualifiers.get("repository_url", "")).rstrip("/")
        repository = f"{registry}/{repository}" if registry else repository
    elif purl.type == "oci":
        repository = str(qualifiers.get("repository_url", "")) or purl.name
    else:
        return None
    return ImageName(_DEFAULT_REGISTRY.sub("", repository, count=1), tag, digest)


def without_release(target: str) -> str:
    """A scanned target without the operating system behind it: `app:1 (debian 12.5)` is `app:1`."""
    return re.sub(r"\s\([^()]*\)\Z", "", target)
