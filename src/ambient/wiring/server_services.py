"""What the routes of a server on a cluster rest on."""

from collections.abc import Callable

from ambient.core.errors import StorageUnavailable
from ambient.core.ports import Clock, EventLog, Members, Sealer, Wake
from ambient.core.reconcile.ports import LogPorts
from ambient.core.service.access_keys import AccessKeys
from ambient.core.service.accounts import Accounts
from ambient.core.service.drafts import Drafts
from ambient.core.service.permissions import Permissions
from ambient.core.service.places import Workspaces
from ambient.core.service.preferences import Preferences
from ambient.core.service.projects import Projects
from ambient.core.service.prompts import Prompts
from ambient.core.service.runners import Runners
from ambient.core.service.secrets import Secrets
from ambient.core.service.sessions import Sessions
from ambient.core.service.sharing import Sharing
from ambient.core.service.snapshots import Snapshots
from ambient.core.service.staging import Staging
from ambient.core.service.streams import Streams
from ambient.core.service.uploads import Uploads
from ambient.core.service.watch import Watch
from ambient.core.service.workflows import SavedWorkflows
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.project_secrets import ProjectSecrets
from ambient.server.catalogue import Catalogue
from ambient.server.keys import KeysByGrant, WithKeys
from ambient.server.links import Links
from ambient.server.outbound import Outbound
from ambient.server.services import Services
from ambient.server.sign_ins import SignIns
from ambient.storage.database import Database
from ambient.storage.object import SqlObjectStore
from ambient.storage.seal import AesSealer
from ambient.storage.secret import SqlKeyStore
from ambient.storage.staging import SqlStagingStore
from ambient.storage.upload import SqlUploadStore
from ambient.wiring.catalogue import workflows_of
from ambient.wiring.flags import flags_by
from ambient.wiring.people import cluster_people
from ambient.wiring.sessions import sessions_of
from ambient.wiring.settings import KubeServerSettings


def make_services(  # noqa: PLR0913  # what they rest on, handed in once
    client: KubeClient,
    database: Database,
    ports: LogPorts,
    *,
    log: EventLog,
    wake: Wake,
    settings: KubeServerSettings,
    snapshots: Snapshots | None,
    claimant: Callable[[str, str], str | None],
) -> Services:
    """log: for everybody, not only for sessions that are held here. claimant: of a namespace's warm
    place, as its Pod says. Raises NoWayToSignIn."""
    store, runner, clock, new_id = ports.store, ports.runner, ports.clock, ports.new_id
    keys, objects = SqlKeyStore(database), SqlObjectStore(database)
    access_keys = AccessKeys(store=store, objects=objects, clock=clock)
    drafts = Drafts(store=store, objects=objects, clock=clock)
    sign_ins = _sign_ins(settings, objects, clock)
    people, roles, members = cluster_people(
        client, store, keys, clock, settings, claimant, sign_ins
    )
    outbound = Outbound(settings.outbound_allow, settings.ca_bundle)
    flags = flags_by(settings, objects, store)
    secrets = Secrets(ProjectSecrets(client), clock)
    runners = Runners(secrets=secrets, host=settings.for_runners(), switches=flags)
    staging = Staging(staged=SqlStagingStore(database), clock=clock, new_id=new_id)
    sessions = sessions_of(ports, log, wake, runners, drafts, staging)
    workspaces = _workspaces(ports, log, snapshots)
    return Services(
        sessions=sessions,
        runners=runners,
        projects=_projects(ports, sessions, secrets, members),
        sharing=Sharing(store=store, members=members),
        secrets=secrets,
        drafts=drafts,
        permissions=Permissions(log=log, clock=clock),
        flags=flags,
        preferences=Preferences(objects),
        access_keys=access_keys,
        prompts=Prompts(store=store, log=log, runner=runner, clock=clock, new_id=new_id, wake=wake),
        streams=Streams(log=log),
        watch=Watch(store=store, log=log, authorizer=KeysByGrant(roles)),
        workspaces=workspaces,
        accounts=_accounts(settings, keys, ports, log),
        outbound=outbound,
        catalogue=Catalogue(workflows_of(settings), outbound, clock),
        workflows=SavedWorkflows(objects=objects, store=store),
        staging=staging,
        uploads=_uploads(database, ports, workspaces),
        store=store,
        log=log,
        tokens=ports.tokens,
        runner=runner,
        authenticator=WithKeys(access_keys, people),
        authorizer=KeysByGrant(roles),
        logins=sign_ins,
        links=Links(keys=keys, clock=clock),
        clock=clock,
        new_id=new_id,
    )


def _workspaces(ports: LogPorts, log: EventLog, snapshots: Snapshots | None) -> Workspaces:
    engine, runner = ports.engine, ports.runner
    return Workspaces(store=ports.store, log=log, engine=engine, runner=runner, snapshots=snapshots)


def _projects(ports: LogPorts, sessions: Sessions, secrets: Secrets, members: Members) -> Projects:
    return Projects(
        store=ports.store, sessions=sessions, secrets=secrets, members=members, clock=ports.clock
    )


def _accounts(
    settings: KubeServerSettings, keys: SqlKeyStore, ports: LogPorts, log: EventLog
) -> Accounts:
    sealer = sealer_of(settings)
    return Accounts(keys=keys, sealer=sealer, store=ports.store, log=log, clock=ports.clock)


def _uploads(database: Database, ports: LogPorts, workspaces: Workspaces) -> Uploads:
    return Uploads(
        store=ports.store,
        uploads=SqlUploadStore(database),
        workspaces=workspaces,
        runner=ports.runner,
        clock=ports.clock,
        new_id=ports.new_id,
    )


def _sign_ins(settings: KubeServerSettings, objects: SqlObjectStore, clock: Clock) -> SignIns:
    return SignIns(
        objects=objects,
        clock=clock,
        code_seconds=settings.code_seconds,
        login_seconds=settings.login_seconds,
    )


class NoKey:
    """Sealer where none is set up: nothing is kept unsealed."""

    def seal(self, data: bytes, name: str) -> bytes:
        raise self._refusal()

    def unseal(self, sealed: bytes, name: str) -> bytes:
        raise self._refusal()

    def _refusal(self) -> StorageUnavailable:
        return StorageUnavailable(
            "This platform has no key for accounts.",
            hint="Have its administrator set AMBIENT_ACCOUNT_KEY, the same for all copies.",
        )


def sealer_of(settings: KubeServerSettings) -> Sealer:
    """By the key of the settings."""
    key = settings.account_key
    return AesSealer(bytes.fromhex(key.get_secret_value())) if key else NoKey()
