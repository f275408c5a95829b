"""The kinds of objects that the platform touches, and their addresses."""

from dataclasses import dataclass
from typing import Final

from ambient.contract.names import GROUP, SESSION_KIND, SETTINGS_KIND


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind: `api_version` is `v1` or `group/version`; `plural` as in addresses."""

    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None, sub: str = "") -> str:
        """The address of a collection (no name), an object or one of its subresources. Namespace
        None: of all namespaces, or of a kind that has none."""
        parts = ["/api" if "/" not in self.api_version else "/apis", self.api_version]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        if sub:
            parts.append(sub)
        return "/".join(parts)


SESSION: Final = Kind(f"{GROUP}/v1alpha1", SESSION_KIND, "agenticsessions")
SETTINGS: Final = Kind(f"{GROUP}/v1alpha1", SETTINGS_KIND, "projectsettings")
POD: Final = Kind("v1", "Pod", "pods")
SECRET: Final = Kind("v1", "Secret", "secrets")
SERVICE: Final = Kind("v1", "Service", "services")
ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
VOLUME_CLAIM: Final = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
EVENT: Final = Kind("v1", "Event", "events")
NAMESPACE: Final = Kind("v1", "Namespace", "namespaces", namespaced=False)
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
LIMIT_RANGE: Final = Kind("v1", "LimitRange", "limitranges")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
ROLE_BINDING: Final = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
CLUSTER_ROLE: Final = Kind(
    "rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False
)
TOKEN_REVIEW: Final = Kind(
    "authentication.k8s.io/v1", "TokenReview", "tokenreviews", namespaced=False
)
ACCESS_REVIEW: Final = Kind(
    "authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False
)
CRD: Final = Kind(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
)
