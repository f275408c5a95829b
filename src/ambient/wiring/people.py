"""Who may sign in at a server on a cluster, who decides what they may, and who their
project's members are."""

from collections.abc import Callable

from ambient.core.ports import Authenticator, Authorizer, Clock, KeyStore, Members, SessionStore
from ambient.core.service.identities import Identities
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.members import KubeMembers
from ambient.engines.kube.review import AccessReviews, KubeRoles, KubeTokens, TokenReviews
from ambient.server.people import Browsers, Chain, ProxyHeaders, Way
from ambient.server.settings import ServerSettings
from ambient.server.sign_ins import SignIns


def cluster_people(  # noqa: PLR0913, PLR0917  # what they rest on, handed in once
    client: KubeClient,
    store: SessionStore,
    keys: KeyStore,
    clock: Clock,
    settings: ServerSettings,
    claimant: Callable[[str, str], str | None],
    sign_ins: SignIns,
) -> tuple[Authenticator, Authorizer, Members]:
    """Cluster tokens for people and runners, trusted proxies where some are named, and browsers
    that people opened. Access keys and OIDC become further ways of the chain. Raises
    NoWayToSignIn."""
    identities = Identities(keys)
    ways: list[Way] = [
        KubeTokens(
            TokenReviews(client, clock),
            store,
            identities,
            require_audience=settings.require_audience,
            claimant=claimant,
        )
    ]
    if settings.trusted_proxies:
        ways.append(ProxyHeaders(identities))
    ways.append(Browsers(sign_ins))
    reviews = AccessReviews(client, clock)
    return Chain(ways), KubeRoles(reviews), KubeMembers(client, clock, reviews.forget)
