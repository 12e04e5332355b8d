"""Makes and caches the root images that builds and install tests run in.

``make_root(kind, cache) -> RootImage`` returns an image of one of :data:`KINDS`, making it when the
cache has none for the present recipe and host configuration. ``RootImage`` has ``path`` (for
:class:`workers.sandbox.Sandbox`), ``id`` (identifies the content) and ``seconds``.

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

from workers.roots.cache import RootImage, make_root, remove_root
from workers.roots.recipes import KINDS

__all__ = ["KINDS", "RootImage", "make_root", "remove_root"]
