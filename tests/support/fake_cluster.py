"""A cluster that knows tokens, roles and RoleBindings: what the reviews answer, and what follows
from a binding."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ambient.core.errors import AlreadyExists, ClusterRefused, ClusterUnavailable, StaleWrite
from ambient.core.model import Role, SubjectType
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import LIMIT_RANGE, ROLE_BINDING, SETTINGS, TOKEN_REVIEW, Kind
from ambient.engines.kube.members import role_of, subjects_of
from ambient.engines.kube.review import SHOWN_BY


def jwt(**claims: Any) -> str:
    """A token of the usual form; its signature is none."""
    parts = [{"alg": "RS256"}, claims]
    text = [
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts
    ]
    return ".".join([*text, "c2ln"])


@dataclass
class FakeCluster:
    """tokens: token → the user of its review. roles: (username, namespace) → role. asked: every
    review's spec, oldest first. bindings: (namespace, name) → RoleBinding. closed: namespaces where
    nobody has let the server see or make bindings. failing: calls that the cluster does not answer,
    by verb and name. limits: namespace → LimitRange. said: every status of settings, in order."""

    tokens: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    audiences: dict[str, tuple[str, ...]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    roles: dict[tuple[str, str], Role] = field(default_factory=dict)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    away: bool = False
    bindings: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    failing: set[tuple[str, str]] = field(default_factory=set)
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: list[dict[str, Any]] = field(default_factory=list)
    _serial: "count[int]" = field(default_factory=lambda: count(1))

    def person(self, name: str, *groups: str, **claims: Any) -> str:
        """A person's token."""
        token = jwt(sub=name, **claims)
        self.tokens[token] = {"username": name, "groups": list(groups)}
        return token

    def account(
        self, namespace: str, name: str, *, audience: str | None = None, pod: str | None = None
    ) -> str:
        """A service account's token."""
        claims: dict[str, Any] = {"sub": f"{namespace}:{name}", "pod": pod}
        if audience:
            claims["aud"] = [audience]
        token = jwt(**claims)
        extra = {"authentication.kubernetes.io/pod-uid": [pod]} if pod else {}
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
        username = f"system:serviceaccount:{namespace}:{name}"
        self.tokens[token] = {"username": username, "groups": groups, "extra": extra}
        if audience:
            self.audiences[token] = (audience,)
        return token

    async def create(
        self, kind: Kind, namespace: str | None, body: Mapping[str, Any], *, manager: str = ""
    ) -> dict[str, Any]:
        if self.away:
            raise ClusterUnavailable
        assert (body["kind"], body["apiVersion"]) == (kind.name, kind.api_version)
        if kind is LIMIT_RANGE:
            assert namespace is not None
            if namespace in self.limits:
                raise AlreadyExists
            self.limits[namespace] = dict(body)
            return self.limits[namespace]
        if kind is ROLE_BINDING:
            key = self._key(namespace, str(body["metadata"]["name"]), "create")
            if key in self.bindings:
                raise AlreadyExists
            return self._put(key, body, uid=f"uid-{next(self._serial)}")
        spec = body["spec"]
        self.asked.append(spec)
        return {"status": self._token(spec) if kind is TOKEN_REVIEW else self._access(spec)}

    async def list(self, kind: Kind, namespace: str, **query: str) -> dict[str, Any]:
        assert kind is ROLE_BINDING
        self._key(namespace, "", "list")
        name, _, value = query.get("labelSelector", "").partition("=")
        found = [one for (space, _), one in self.bindings.items() if space == namespace]
        if name:
            found = [one for one in found if one["metadata"].get("labels", {}).get(name) == value]
        return {"items": found}

    async def apply(
        self, kind: Kind, namespace: str, body: Mapping[str, Any], *, manager: str, sub: str = ""
    ) -> dict[str, Any]:
        if kind is SETTINGS:
            assert sub == "status"
            self.said.append(dict(body["status"]))
            return dict(body)
        key = self._key(namespace, str(body["metadata"]["name"]), "apply")
        return self._put(key, body, uid=f"uid-{next(self._serial)}")

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        return self._there(self._key(namespace, name, "get"))

    async def replace(
        self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        key = self._key(namespace, name, "replace")
        meta, given = self._there(key)["metadata"], body["metadata"]
        if given["resourceVersion"] != meta["resourceVersion"]:
            raise StaleWrite
        return self._put(key, body, uid=meta["uid"])

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        key = self._key(namespace, name, "delete")
        if self._there(key)["metadata"]["uid"] != uid:
            raise StaleWrite
        del self.bindings[key]

    def bind(self, namespace: str, name: str, role: str, *subjects: Mapping[str, str]) -> None:
        """A RoleBinding as somebody else makes one."""
        body = {
            "metadata": {"name": name, "labels": {}},
            "roleRef": {"kind": "ClusterRole", "name": role},
            "subjects": list(subjects),
        }
        self._put((namespace, name), body, uid=f"uid-{next(self._serial)}")

    def _key(self, namespace: str | None, name: str, verb: str) -> tuple[str, str]:
        assert namespace is not None
        if namespace in self.closed:
            raise ClusterRefused("rolebindings is forbidden")
        if (verb, name) in self.failing:
            raise ClusterUnavailable
        return namespace, name

    def _there(self, key: tuple[str, str]) -> dict[str, Any]:
        if key not in self.bindings:
            raise ObjectNotFound
        return self.bindings[key]

    def _put(self, key: tuple[str, str], body: Mapping[str, Any], *, uid: str) -> dict[str, Any]:
        meta = {**body["metadata"], "uid": uid, "resourceVersion": str(next(self._serial))}
        self.bindings[key] = {**body, "metadata": meta}
        return self.bindings[key]

    def _bound(self, user: str, groups: Sequence[str], namespace: str) -> Role | None:
        """The highest role by a binding."""
        mine = [
            role
            for (space, _), one in self.bindings.items()
            if space == namespace and (role := role_of(one)) is not None
            for subject in subjects_of(one)
            if subject.name in ((user,) if subject.type is SubjectType.USER else groups)
        ]
        return max(mine, key=list(Role).index, default=None)

    def _token(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        token, wanted = spec["token"], spec.get("audiences", ["the-api"])
        fits = set(wanted) & set(self.audiences.get(token, ("the-api",)))
        if token not in self.tokens or not fits:
            return {"error": self.errors.get(token, "invalid bearer token")}
        return {"authenticated": True, "user": self.tokens[token], "audiences": sorted(fits)}

    def _access(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        asked = spec["resourceAttributes"]
        role = self.roles.get((spec["user"], asked["namespace"]))
        role = role or self._bound(spec["user"], spec["groups"], asked["namespace"])
        ranks = [one for one, _, _ in SHOWN_BY]
        shown = {(verb, kind.plural): role for role, verb, kind in SHOWN_BY}
        wanted = shown[asked["verb"], asked["resource"]]
        return {"allowed": role is not None and ranks.index(role) <= ranks.index(wanted)}
