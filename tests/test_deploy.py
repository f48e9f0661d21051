"""What `deploy/` says, held: against the program's own settings and numbers, and by the linters of each format where they are here.

`make lint-deploy` brings the linters; without one its test skips and says which is missing. No container was ever run by these.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
import yaml

from agent.config import Settings
from agent.keyring import VARIABLE, VARIABLE_FILE

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "anamnesis"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
UNIT = (DEPLOY / "anamnesis.service").read_text(encoding="utf-8")
VARIABLES = {f"ANAMNESIS_{field.name.upper()}" for field in fields(Settings)}
KNOWN = VARIABLES | {f"{name}_FILE" for name in VARIABLES - {"ANAMNESIS_HOME"}} | {VARIABLE, VARIABLE_FILE}
PATH = os.pathsep.join([str(ROOT / ".venv-deploy" / "bin"), os.environ.get("PATH", "")])
# Values with every part of the chart switched on.
ALL_ON = {
    "database": {"existingSecret": "db"}, "masterKeys": {"existingSecret": "keys"}, "endpointKey": {"existingSecret": "endpoint"},
    "engine": "openai", "baseUrl": "http://vllm:8000/v1", "forwarded": "10.0.0.0/8", "settings": {"country": "GB", "api_log": True},
    "ingress": {"enabled": True, "host": "a.example", "tlsSecret": "tls"}, "serviceMonitor": {"enabled": True, "existingSecret": "scrape"},
}
REFUSED = (
    {"replicas": 2}, {"engine": "openai"}, {"image": {"tag": "latest"}}, {"nonsense": 1}, {"ingress": {"enabled": True}},
    {"forwarded": "*"}, {"settings": {"Country": "GB"}},
)


def files():
    return [path for path in sorted(DEPLOY.rglob("*")) if path.is_file()]


def tool(*names):
    """A linter's program; the test skips where it is not here."""
    for name in names:
        if found := shutil.which(name, path=PATH):
            return found
    pytest.skip(f"{names[0]} is not installed (`make lint-deploy`)")


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, **options)


def passes(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@cache
def python_with(module):
    """A Python that can import a module of a linter: this one, or the one beside the linters."""
    beside = [Path(found).parent / "python" for name in ("hadolint", "caddy") if (found := shutil.which(name, path=PATH))]
    for python in (Path(sys.executable), ROOT / ".venv-deploy" / "bin" / "python", *beside):
        if python.is_file() and run(python, "-c", f"import {module}", cwd="/").returncode == 0:
            return str(python)
    return ""


def rendered(values):
    """What Helm's own library makes of the chart, by template; and what its linter says."""
    if not (python := python_with("helm_python")):
        pytest.skip("helm-python-sdk is not installed (`make lint-deploy`)")
    script = (
        "import json, sys; from helm_python.chart import Chart, lint; values = json.loads(sys.argv[2]); chart = Chart.load(sys.argv[1]);"
        "print(json.dumps([chart.render(values=values, name='demo'), lint(sys.argv[1], values=values)]))"
    )
    return run(python, "-c", script, CHART, json.dumps(values), cwd="/")


def documents(templates):
    return [document for name, text in templates.items() if not name.endswith(".txt") for document in yaml.safe_load_all(text) if document]


# What needs no linter.


@pytest.mark.parametrize("path", [path for path in files() if path.suffix in (".yaml", ".yml") and "templates" not in path.parts], ids=lambda path: path.name)
def test_the_yaml_can_be_read(path):
    assert list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def test_every_variable_named_is_one_that_the_program_reads():
    named = {}
    for path in files():
        for name in re.findall(r"\bANAMNESIS_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")):
            named.setdefault(name, path.name)
    assert len(named) > 8
    assert {name: file for name, file in named.items() if name not in KNOWN} == {}


def test_settings_of_the_chart_go_under_their_names():
    text = (CHART / "templates" / "deployment.yaml").read_text(encoding="utf-8")
    (own,) = re.findall(r"omit \.Values\.settings ([^}]+)\}\}", text)
    assert set(re.findall(r'"(\w+)"', own)) <= {field.name for field in fields(Settings)}


def test_every_value_that_a_template_reads_is_in_the_values():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    for path in sorted((CHART / "templates").iterdir()):
        text = path.read_text(encoding="utf-8")
        assert text.count("{{") == text.count("}}"), path.name
        for dotted in re.findall(r"\.Values\.([\w.]+)", text):
            at = values
            for part in dotted.split("."):
                assert part in at, f"{path.name} reads {dotted}"
                at = at[part]


def test_the_values_fit_their_schema_and_wrong_ones_do_not():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    check = jsonschema.Draft7Validator(schema)
    merged = [{**values, **{name: {**values[name], **part} if isinstance(part, dict) and name in values else part for name, part in given.items()}}
              for given in ({}, ALL_ON, *REFUSED)]  # fmt: skip
    assert [check.is_valid(one) for one in merged] == [True, True] + [False] * len(REFUSED)
    assert set(schema["properties"]) - {"global"} == set(values)


def test_compose_holds_no_secret_and_opens_nothing_beyond_this_machine():
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert not re.search(r"(?i)(password|secret|key|token)\w*\s*[:=]\s*[\"']?[A-Za-z0-9+_-]{16,}", text)
    assert "postgresql+" not in text and "@postgres" not in text
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|DATABASE|_KEY_FILE|SECRET", variable):
                assert str(value).startswith("/run/secrets/"), f"{name} has {variable} in the open"
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    assert "secrets/" in (DEPLOY / ".gitignore").read_text(encoding="utf-8").split()


def test_every_container_is_shut_in():
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not str(service["user"]).startswith(("0", "root")), name
        assert service["mem_limit"] and service["cpus"] and service["pids_limit"] and service["healthcheck"], name
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", service["image"]), f"{name} has no version: {service['image']}"
    assert COMPOSE["services"]["vllm"]["profiles"] == ["gpu"] and COMPOSE["networks"]["inside"] == {"internal": True}
    assert COMPOSE["services"]["postgres"]["networks"] == COMPOSE["services"]["vllm"]["networks"] == ["inside"]


def test_the_image_runs_as_nobody_and_installs_only_what_is_locked():
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (.+)$", text, re.M)[-1] == "10001:10001"
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+(?: AS \w+)?", image) for image in re.findall(r"^FROM (.+)$", text, re.M))
    installs = re.findall(r"pip install ([^\n\\&]+)", text)
    assert len(installs) == 2 and all("--require-hashes" in line for line in installs)
    copied = {part.lstrip("./") for line in re.findall(r"^COPY (?:--chmod=\S+ )?((?!--from).+)$", text, re.M) for part in line.split()[:-1]}
    assert all((ROOT / part).exists() for part in copied)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert ignored[0] == "*" and {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied


def test_the_driver_of_postgresql_is_locked_as_the_tests_lock_it():
    def pins(text):
        found = re.findall(r"^(psycopg(?:-binary)?==\S+)((?: \\\n +--hash=\S+)+)", text, re.M)
        return {name: set(re.findall(r"sha256:\w+", hashes)) for name, hashes in found}

    ours = pins((DEPLOY / "postgresql.txt").read_text(encoding="utf-8"))
    assert len(ours) == 2 and ours == pins((ROOT / "requirements" / "test.txt").read_text(encoding="utf-8"))


def test_alerts_ask_for_numbers_that_there_are_and_name_a_part_of_the_guide():
    prometheus = pytest.importorskip("prometheus_client.parser")
    from agent.api.metrics import Metrics

    page = Metrics().page(None, queued=0).decode()
    there = {sample.name for family in prometheus.text_string_to_metric_families(page) for sample in family.samples}
    there |= {f"{family.name}{end}" for family in prometheus.text_string_to_metric_families(page) for end in ("", "_total", "_bucket", "_count")}
    guide = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"} and rule["labels"]["severity"] in ("page", "ticket")
        assert set(re.findall(r"\banamnesis_\w+", rule["expr"])) <= there, rule["alert"]
        (part,) = re.findall(r'^docs/operating\.md, "(.+)"$', rule["annotations"]["action"])
        assert f"**{part}" in guide, f"the guide does not say what to do: {part}"


def test_the_unit_is_hardened_and_keeps_its_keys_to_itself():
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "StateDirectory=anamnesis", "CapabilityBoundingSet=", "UMask=0077"):
        assert line in UNIT.splitlines()
    assert re.search(r"^MemoryMax=\d+G$", UNIT, re.M) and re.search(r"^User=(?!root)\w+$", UNIT, re.M)
    assert "LoadCredential=master.keys:/etc/anamnesis/master.keys" in UNIT and "ANAMNESIS_KEY_FILE=%d/master.keys" in UNIT
    assert "ANAMNESIS_KEY=" not in UNIT and "0.0.0.0" not in UNIT


def test_the_proxy_passes_to_this_machine_only_and_writes_no_addresses_down():
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert re.findall(r"reverse_proxy (\S+)", text) == ["127.0.0.1:7860"]
    assert "flush_interval -1" in text and "max_size" in text and "exclude http.log.access http.log.error" in text


# The guide.


def test_every_command_and_option_of_the_guide_is_one_of_the_program():
    import click
    from click.testing import CliRunner

    from agent.cli import cli

    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    lines = re.findall(r"(?<![\w/.-])anamnesis((?: +[\w.-]+)+)", text)
    checked = set()
    for line in lines:
        words, command, path = line.split(), cli, []
        while words and hasattr(command, "get_command"):
            found = command.get_command(click.Context(command), words[0])
            if found is None:
                break
            command, path = found, [*path, words.pop(0)]
        if not path:
            continue  # the name of something else: a secret, a user, a chart
        assert not hasattr(command, "get_command"), f"anamnesis {line.strip()} is no command"
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
        checked.add(tuple(path))
    for path in checked:
        assert CliRunner().invoke(cli, [*path, "--help"]).exit_code == 0, path
    assert {("db", "replay-erasures"), ("db", "rotate-key"), ("audit", "verify"), ("accounts", "add"), ("finetune", "rollback")} <= checked


# A secret in a file, as these bring it.


def test_a_setting_and_the_keys_are_read_from_the_files_that_are_named(tmp_path, monkeypatch):
    from agent.config import load
    from agent.keyring import add_key, new_key, read_keyring
    from knowledge.errors import ConfigError, StoreError

    url, keys, first = tmp_path / "database.url", tmp_path / "keys", new_key()
    url.write_text("postgresql+psycopg://a:b@db/anamnesis\n", encoding="ascii")
    keys.write_text(f"{first}\n{new_key()}\n", encoding="ascii")
    keys.chmod(0o440)
    monkeypatch.setenv("ANAMNESIS_DATABASE_FILE", str(url))
    monkeypatch.setenv(VARIABLE_FILE, str(keys))
    assert load(home=tmp_path).database == "postgresql+psycopg://a:b@db/anamnesis"
    ring = read_keyring(tmp_path)
    assert ring.outside and len(ring.keys) == 2 and first not in repr(ring)
    with pytest.raises(StoreError, match=VARIABLE_FILE):
        add_key(tmp_path)
    keys.chmod(0o444)
    with pytest.raises(StoreError, match="may be read by others"):
        read_keyring(tmp_path)
    keys.unlink()
    with pytest.raises(StoreError, match="is not there"):
        read_keyring(tmp_path)
    monkeypatch.setenv("ANAMNESIS_DATABASE", "sqlite://")
    assert load(home=tmp_path).database == "sqlite://"
    monkeypatch.delenv("ANAMNESIS_DATABASE")
    url.unlink()
    with pytest.raises(ConfigError, match=r"database\.url.*ANAMNESIS_DATABASE_FILE"):
        load(home=tmp_path)


@pytest.mark.parametrize("given", ["*", "proxy.example", "10.0.0.0/99"])
def test_a_proxy_that_is_no_address_is_refused(given, tmp_path):
    from agent.config import load
    from knowledge.errors import ConfigError

    with pytest.raises(ConfigError, match="forwarded"):
        load(home=tmp_path, forwarded=given)
    assert load(home=tmp_path, forwarded="127.0.0.1, 10.0.0.0/8").forwarded


# By the linters of each format.


@pytest.mark.parametrize("options", [(), ("--env-file", DEPLOY / "gpu.env", "--profile", "gpu")], ids=["plain", "gpu"])
def test_docker_compose_reads_the_file(options):
    command = [tool("docker-compose")]
    said = json.loads(passes(*command, *options, "-f", DEPLOY / "compose.yaml", "config", "--format", "json"))
    assert ("vllm" in said["services"]) is bool(options)
    assert said["services"]["app"]["environment"]["ANAMNESIS_ENGINE"] == ("openai" if options else "llamacpp")


def test_hadolint_finds_nothing():
    passes(tool("hadolint"), DEPLOY / "Dockerfile")


def test_the_shell_script_is_one():
    passes("sh", "-n", DEPLOY / "anamnesis.sh")
    assert os.access(DEPLOY / "anamnesis.sh", os.X_OK)


def test_systemd_finds_nothing_wrong_and_little_exposed(tmp_path):
    program, unit = tool("systemd-analyze"), tmp_path / "anamnesis.service"
    # The program is not installed under /opt here; any other that is takes its place.
    unit.write_text(UNIT.replace("/opt/anamnesis/.venv/bin/anamnesis", "/bin/true"), encoding="utf-8")
    done = run(program, "verify", unit)
    assert done.returncode == 0 and done.stderr.strip() == "", done.stderr
    done = run(program, "security", "--offline=true", unit)
    (level,) = re.findall(r"Overall exposure level for anamnesis\.service: ([\d.]+)", done.stdout) or pytest.skip("no offline rating: an old systemd")
    assert float(level) < 2.5


def test_caddy_reads_its_file():
    passes(tool("caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile", env={**os.environ, "HOME": "/nonexistent", "XDG_DATA_HOME": "/tmp/none"})


def test_promtool_reads_the_alerts():
    passes(tool("promtool"), "check", "rules", DEPLOY / "prometheus" / "alerts.yaml")


@pytest.mark.parametrize("values", [{}, ALL_ON], ids=["defaults", "all on"])
def test_helm_renders_the_chart_into_what_kubernetes_takes(values, tmp_path):
    done = rendered(values)
    assert done.returncode == 0, done.stderr
    templates, linted = json.loads(done.stdout)
    assert linted["errors"] == [] and all(message["severity"] < 2 for message in linted["messages"])
    made = {document["kind"]: document for document in documents(templates)}
    assert ({"Job", "Ingress", "ServiceMonitor"} <= set(made)) is bool(values) and {"Deployment", "Service", "NetworkPolicy"} <= set(made)
    for kind in {"Deployment", "Job"} & set(made):
        spec = made[kind]["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
        assert not spec["automountServiceAccountToken"] and container["resources"]["limits"]["memory"]
        # What is set, and where: no value of a secret, every name one that the program reads.
        assert {each["name"] for each in container["env"]} - {"ENDPOINT_KEY"} <= KNOWN
    selector = made["Service"]["spec"]["selector"]
    assert selector.items() <= made["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    if python := python_with("kubernetes_validate"):
        plain = [document for document in documents(templates) if document["kind"] != "ServiceMonitor"]
        file = tmp_path / "all.yaml"
        file.write_text(yaml.safe_dump_all(plain), encoding="utf-8")
        passes(Path(python).parent / "kubernetes-validate", "--strict", file)


@pytest.mark.parametrize("values", REFUSED, ids=json.dumps)
def test_helm_refuses_values_that_would_not_work(values):
    done = rendered(values)
    assert done.returncode != 0 and "schema" in done.stderr
