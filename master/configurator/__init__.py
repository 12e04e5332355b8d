"""Turns a validated site file into a Buildbot master's configuration."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from buildbot.config import ConfigErrors
from buildbot.configurators import ConfiguratorBase
from buildbot.plugins import secrets

from master.configurator.answers import write_from_the_reactor
from master.configurator.builders import builders
from master.configurator.cancelling import cancel_superseded
from master.configurator.schedulers import all_schedulers
from master.configurator.workers import workers
from master.configurator.www import www
from master.gerrit.wiring import gerrit_services
from master.site import SiteFileError, load_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _errors_as_buildbots() -> Iterator[None]:
    """Buildbot shows its own kind of errors one a line, any other with a traceback."""
    try:
        yield
    except SiteFileError as error:
        raise ConfigErrors(str(error).splitlines()) from error


class LockgateConfigurator(ConfiguratorBase):
    """Everything a site file declares, as Buildbot's builders, schedulers, workers and services.

    Raises Buildbot's ConfigErrors, one problem each, for a site file that cannot be used.
    """

    def __init__(self, site_file: Path) -> None:
        super().__init__()
        with _errors_as_buildbots():
            self.site = load_site(site_file)

    def configure(self, config_dict: dict[str, Any]) -> None:
        """Fill in Buildbot's configuration dictionary."""
        super().configure(config_dict)
        write_from_the_reactor()
        site = self.site
        # First: Buildbot's own words for a folder of secrets that is not there are no help.
        with _errors_as_buildbots():
            self.www.update(www(site))
        services = gerrit_services(site)
        config_dict.update(
            title=site.title,
            titleURL=site.web.url,
            buildbotURL=site.web.url + "/",
            buildbotNetUsageData=None,
            db_url=site.master.database,
            collapseRequests=False,
        )
        self.protocols["pb"] = {"port": site.master.worker_port}
        self.secretsProviders.append(secrets.SecretInAFile(str(site.master.secrets)))
        self.builders.extend(builders(site))
        self.workers.extend(workers(site))
        self.schedulers.extend(all_schedulers(site, services.port))
        config_dict.setdefault("change_source", []).append(services.change_source)
        config_dict.setdefault("services", []).extend([*services.services, cancel_superseded(site)])
