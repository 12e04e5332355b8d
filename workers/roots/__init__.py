"""Makes and caches the root images that builds and install tests run in.

``used_root(kind, cache)`` is a context with an image of one of :data:`KINDS`. It is made when the
cache has none for the present recipe and host configuration, and not removed while it is used.
``RootImage`` has ``path`` (for :class:`workers.sandbox.Sandbox`), ``id`` (identifies the content),
``codename``, ``architecture`` and ``seconds``. What many builds need besides is kept as layers over
an image; see :mod:`workers.roots.layers`.

========== ========================================================================
kind        what it holds
========== ========================================================================
deb-build   minbase, build-essential, debhelper, fakeroot
deb-install minbase, apt
rpm-build   rpm, rpmbuild, dnf, gcc, make; an RPM database with the *base* package
rpm-install rpm, dnf; an RPM database with the *base* package
========== ========================================================================

Each image has the ordinary user ``build`` (uid 1000, home ``/build``) that sandboxes run as.
"""

from workers.roots.cache import RootImage, used_root
from workers.roots.layers import Layer, used_layer
from workers.roots.recipes import KINDS

__all__ = ["KINDS", "Layer", "RootImage", "used_layer", "used_root"]
