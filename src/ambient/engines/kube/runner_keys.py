"""Whether a project has the keys that a runner type needs: their names are looked at, no more."""

from collections.abc import Callable

from ambient.contract.registry import runner_type
from ambient.core.errors import RunnerSecretMissing
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import SECRET


class RunnerKeys:
    """secret_of: of a namespace, the Secret whose values its runners get."""

    def __init__(self, client: KubeClient, secret_of: Callable[[str], str]) -> None:
        self._client = client
        self._secret_of = secret_of

    async def require(self, namespace: str, kind: str) -> None:
        """Raises RunnerSecretMissing, which names the Secret and the keys."""
        entry = runner_type(kind)
        wanted = entry.auth.required_secret_keys if entry is not None else ()
        if entry is None or not wanted:
            return
        name = self._secret_of(namespace)
        try:
            found = await self._client.get(SECRET, namespace, name)
        except ObjectNotFound:
            found = {}
        names = (found.get("data") or {}).keys()
        has = {"any": any, "all": all}[entry.auth.secret_key_logic]
        if not has(one in names for one in wanted):
            raise RunnerSecretMissing(
                f"{entry.display_name} needs {' or '.join(wanted)}; "
                f"the project's Secret {name} has none of them.",
                hint=f"kubectl create secret generic {name} -n {namespace} "
                f"--from-literal={wanted[0]}=...",
            )
