"""A server as it is on a cluster, in memory: real routes and authenticators over a cluster that
knows tokens and roles."""

from dataclasses import replace
from typing import Final

from ambient.core.model import Role, SessionId
from ambient.core.service.identities import Identities
from ambient.engines.kube.members import KubeMembers
from ambient.engines.kube.review import AccessReviews, KubeRoles, KubeTokens, TokenReviews
from ambient.engines.kube.trail import POD_UID
from ambient.server.people import Browsers, Chain, ProxyHeaders
from ambient.server.sign_ins import SignIns
from support.api import ApiWorld
from support.asgi import Browser
from support.fake_cluster import FakeCluster

PROXY: Final = "10.1.2.3"
AUDIENCE: Final = "ambient-backend"


class ClusterWorld(ApiWorld):
    """A server as it is on a cluster. `cluster` knows the tokens and roles."""

    def __init__(self, *, require_audience: bool = False) -> None:
        super().__init__(
            failed_logins_per_minute=10_000, trusted_proxies=[PROXY], limit_owner=False
        )
        self.cluster = FakeCluster()
        self.claimants: dict[tuple[str, str], str] = {}
        identities = Identities(self.keys)
        tokens = KubeTokens(
            TokenReviews(self.cluster, self.clock),
            self.store,
            identities,
            require_audience=require_audience,
            claimant=lambda namespace, place: self.claimants.get((namespace, place)),
        )
        self.sign_ins = SignIns(
            objects=self.objects, clock=self.clock, code_seconds=300, login_seconds=604_800
        )
        self.redeems = self.sign_ins
        self.authenticator = Chain([tokens, ProxyHeaders(identities), Browsers(self.sign_ins)])
        reviews = AccessReviews(self.cluster, self.clock)
        self.authorizer = KubeRoles(reviews)
        self.members = KubeMembers(self.cluster, self.clock, reviews.forget)
        self.app = self.rebuilt()

    def bearer(self, token: str) -> Browser:
        return self.browser(authorization=f"Bearer {token}")

    def user(self, name: str, role: Role | None, *groups: str) -> Browser:
        if role is not None:
            self.cluster.roles[name, "p"] = role
        return self.bearer(self.cluster.person(name, *groups))

    def through_proxy(self, address: str = PROXY, **headers: str) -> Browser:
        named = {f"x-forwarded-{name.replace('_', '-')}": value for name, value in headers.items()}
        return Browser(self.app, named, client=address)

    async def in_pod(self, session: SessionId, uid: str) -> None:
        found = await self.get(session)
        await self.store.update(replace(found, trail={POD_UID: uid}))

    async def begun(self) -> SessionId:
        session = await self.ready()
        await self.in_pod(session, "uid-1")
        self.services.closing.set()  # streams end at once
        return session

    def runner_token(
        self, session: str, *, audience: str | None = AUDIENCE, pod: str | None = "uid-1"
    ) -> str:
        project, _, name = session.partition("/")
        return self.cluster.account(project, f"ambient-session-{name}", audience=audience, pod=pod)
