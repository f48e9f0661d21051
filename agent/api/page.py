"""/api/docs: the OpenAPI description as a page, made here: no script, and nothing from another host."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)
_STYLE = """
body{font:1.05rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
code,pre{font-family:ui-monospace,monospace;font-size:.95rem}
pre{background:#8881;padding:.75rem;overflow-x:auto;border-radius:.4rem}
summary{cursor:pointer;padding:.4rem 0}summary:focus-visible{outline:3px solid #0f766e}
table{border-collapse:collapse}td,th{border:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}
:root{color-scheme:light dark}a{color:#0f766e}@media(prefers-color-scheme:dark){a{color:#5eead4}}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@router.get("/api/docs")
def docs(request: Request) -> Response:
    """The page."""
    return HTMLResponse(page(request.app.openapi()), headers={"Content-Security-Policy": _POLICY})


def page(schema: dict[str, Any]) -> str:
    """An OpenAPI description as HTML: each operation with what it takes and gives, and the fields of each."""
    info = schema["info"]
    body = "".join((*_operations(schema), "<h2>Fields</h2>", *_models(schema)))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body><main><h1>{escape(info['title'])}</h1>"
        f"<p>{escape(info.get('description', ''))}</p>"
        f'<p>For programs: <a href="/api/openapi.json">/api/openapi.json</a></p>{body}</main></body></html>'
    )


def _operations(schema: dict[str, Any]) -> Iterator[str]:
    group = ""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["Other"])[0]
            if tag != group:
                group = tag
                yield f"<h2>{escape(tag)}</h2>"
            yield (
                f"<details><summary><code>{method.upper()} {escape(path)}</code></summary>"
                f"<p>{escape(operation.get('description', ''))}</p>{''.join(_details(operation, schema))}</details>"
            )


def _details(operation: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        yield f"<p><code>{escape(each['name'])}</code> ({escape(each['in'])}) {escape(each.get('description', ''))}</p>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Takes {escape(kind)}: {_name(content.get('schema', {}))}</p>"
        if example := _example(content.get("schema", {}), schema):
            yield f"<pre>{escape(json.dumps(example, ensure_ascii=False, indent=1))}</pre>"
    for status, response in operation.get("responses", {}).items():
        kinds = response.get("content", {})
        names = ", ".join(f"{escape(kind)}: {_name(content.get('schema', {}))}" for kind, content in kinds.items())
        yield f"<p><b>{escape(status)}</b> {escape(response.get('description', ''))} {names}</p>"


def _models(schema: dict[str, Any]) -> Iterator[str]:
    for name, model in schema.get("components", {}).get("schemas", {}).items():
        needed = set(model.get("required", ()))
        rows = "".join(
            f"<tr><td><code>{escape(field)}</code>{' *' if field in needed else ''}</td><td>{_name(kind)}</td>"
            f"<td>{escape(str(kind.get('description', '')))}</td></tr>"
            for field, kind in model.get("properties", {}).items()
        )
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(model.get("description", ""))}</p><table>{rows}</table>'


def _name(kind: dict[str, Any]) -> str:
    if "$ref" in kind:
        name = escape(kind["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in kind:
        return escape(" | ".join(map(str, kind["enum"])))
    if "anyOf" in kind:
        return " | ".join(map(_name, kind["anyOf"]))
    if kind.get("type") == "array":
        return f"list of {_name(kind.get('items', {}))}"
    return escape(str(kind.get("type", "anything")))


def _example(kind: dict[str, Any], schema: dict[str, Any]) -> Any:
    model = schema["components"]["schemas"].get(kind.get("$ref", "").rsplit("/", 1)[-1], kind)
    if model.get("examples"):
        return model["examples"][0]
    shown = {name: field["examples"][0] for name, field in model.get("properties", {}).items() if field.get("examples")}
    return shown or None
