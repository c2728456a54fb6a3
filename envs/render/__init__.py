"""What a person sees of a world: a screen of text, or a picture of the service graph beside a panel."""

from patchpact.envs.render.picture import picture
from patchpact.envs.render.screen import text

__all__ = ["picture", "text"]
