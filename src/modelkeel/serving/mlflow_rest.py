"""An MLflow server over plain REST: the server of predictions installs no MLflow for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelkeel.errors import KeelError, Refused

if TYPE_CHECKING:
    import httpx2

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_LARGEST = 4_000_000_000  # bytes of one file
_UP = "see that the server is up and MODELKEEL_REGISTRY is its address"


@dataclass(frozen=True)
class Mlflow:
    """An MLflow server.

    Attributes:
        url: its address; the credentials are those of MLflow's own variables.
        timeout: seconds that it may be silent.
    """

    url: str
    timeout: float = 10.0

    def get(self, path: str, asked: dict[str, str], *, missing: bool = False) -> Any:
        """The answer of `GET /api/2.0/mlflow…`; None for what is not there, if it may be `missing`.

        Raises:
            KeelError: the server does not answer, or not with that.
        """
        response = self._ask(_API + path, asked)
        if missing and response.status_code in (400, 404) and "not found" in response.text:
            return None
        return self._parsed(response, path)

    def list(self, path: str) -> list[dict[str, Any]]:
        """What is in a folder of artifacts.

        Raises:
            KeelError: the server does not answer, or not with that.
        """
        found: list[dict[str, Any]] = self._parsed(
            self._ask(_ARTIFACTS, {"path": path}), "artifacts"
        ).get("files", [])
        return found

    def _ask(self, path: str, asked: dict[str, str]) -> httpx2.Response:
        import httpx2

        try:
            return self._client.get(path, params=asked)
        except httpx2.HTTPError as error:
            raise self._silent(error) from None

    def _parsed(self, response: httpx2.Response, shown: str) -> Any:
        if response.status_code != 200:
            raise KeelError(
                f"MLflow at {self.url} answers {response.status_code} to {shown}",
                remedy=f"{_UP}, and that the credentials may read the model",
            )
        try:
            return response.json()
        except ValueError:
            raise KeelError(f"MLflow at {self.url} answers no JSON", remedy=_UP) from None

    def download(self, path: str, target: Path, *, missing: bool = False) -> bool:
        """Write an artifact to a file; False if it is not there, and may be `missing`.

        Raises:
            KeelError: the server does not answer, or not with that.
        """
        import httpx2

        try:
            with self._client.stream("GET", f"{_ARTIFACTS}/{quote(path)}") as response:
                if missing and response.status_code == 404:
                    return False
                if response.status_code != 200:
                    raise KeelError(
                        f"MLflow at {self.url} answers {response.status_code} to {path}",
                        remedy=_UP,
                    )
                size = 0
                with target.open("wb") as file:
                    for chunk in response.iter_bytes():
                        size += len(chunk)
                        if size > _LARGEST:
                            raise Refused(f"{path} is larger than {_LARGEST} bytes", remedy=_UP)
                        file.write(chunk)
        except httpx2.HTTPError as error:
            raise self._silent(error) from None
        return True

    def _silent(self, error: Exception) -> KeelError:
        return KeelError(
            f"MLflow at {self.url} does not answer: {type(error).__name__}", remedy=_UP
        )

    @cached_property
    def _client(self) -> httpx2.Client:
        import httpx2  # takes a fifth of a second, and most servers follow no registry

        headers, auth = {}, None
        if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            headers["authorization"] = f"Bearer {token}"
        elif user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
            auth = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))
        return httpx2.Client(base_url=self.url, headers=headers, auth=auth, timeout=self.timeout)
