"""What is wrong with a case file, word for word: file, line, key, what is allowed, the closest match."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

import pytest

from pytest_sixdim.core.case import PLACEHOLDERS
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.errors import SchemaError

METRIC = '{name: top1, unit: "%", better: higher, target: 75.9}'
CONFIGURATION = "{vendor: cpu, precision: fp32, batch_size: 32}"
PRECISIONS = "fp32, tf32, fp16, bf16, amp-fp16, amp-bf16, fp8"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # keys
        (CONFIGURATION, "{vendor: cpu, precision: fp32, batch_size: 32, crads: 1}", "6: unknown key 'crads' in configurations[0]; did you mean 'cards'?"),
        ("metric:", "matric:", "3: unknown key 'matric'; did you mean 'metric'?|1: missing key 'metric'"),
        ("{program: train.py}", "{program: train.py, x: 1}", "4: unknown key 'x' in train; allowed: checkout, program, command, launch, args, directory, environment, requires, timeout, stall"),
        ("name: top1, ", "", "3: missing key 'name' in metric"),
        # adapters
        (CONFIGURATION, "{vendor: cpu, precision: fp32, batch_size: 32, adapter: ditroch}", "6: configurations[0].adapter: unknown adapter 'ditroch'; did you mean 'ditorch'? known: ditorch"),
        (f"{{program: train.py}}\nconfigurations:\n  - {CONFIGURATION}", "{command: [python, x.py]}\nconfigurations:\n  - {vendor: cpu, precision: fp32, batch_size: 32, adapter: ditorch}", "5: configurations: 'adapter' needs 'train.program': nothing can be imported ahead of a command"),
        # types
        ("sixdim: 1", "sixdim: 2", "1: sixdim: schema version must be 1"),
        ("sixdim: 1", "sixdim: true", "1: sixdim: schema version must be 1"),
        ("name: tiny", "name: a/b", "2: name: 'a/b': may only have the characters a-z, 0-9 and _"),
        ("name: tiny", "name: 2024", "2: name: must be text, not 2024 (quote it)"),
        ("name: tiny", "name: [a]", "2: name: must be text, not a list of 1"),
        ('"%"', "images a second", "3: metric.unit: 'images a second': must be a unit, at most 20 characters without a space"),
        ("target: 75.9", "target: high", "3: metric.target: must be a number, not 'high'"),
        ("target: 75.9", "target: .inf", "3: metric.target: must be a finite number, not .inf"),
        ("target: 75.9", "target: true", "3: metric.target: must be a number, not true"),
        (METRIC, "top1", "3: metric: must be a mapping, not 'top1'"),
        ("better: higher", "better: hihger", "3: metric.better: 'hihger'; did you mean 'higher'? allowed: higher, lower"),
        # metric
        ("target: 75.9", "samples: 0, target: 1", "3: metric.samples: must be more than 0, not 0"),
        ("target: 75.9", "every: 1 epohc, target: 1", "3: metric.every: unit 'epohc'; did you mean 'epoch'? allowed: epoch, epochs, step, steps, sample, samples"),
        ("target: 75.9", "every: 1.5 epochs, target: 1", "3: metric.every: '1.5 epochs': must be a whole number of epochs, at least 1"),
        (", target: 75.9", "", "3: metric: needs 'target'; or 'generated_target', where the data set can only be generated"),
        ("target: 75.9", "generated_target: 1", "3: metric: needs 'target': data is generated only for a case with 'data'"),
        # train
        ("train.py", "trian.py", "4: train.program: 'trian.py': no such file beside the case"),
        ("train.py", "../train.py", "4: train.program: '../train.py': must be a path below the directory, without '..'"),
        ("train.py", "/bin/true", "4: train.program: '/bin/true': must be a path below the directory, without '..'"),
        ("train.py", "x" * 300, f"4: train.program: '{'x' * 57}...': no such file beside the case"),
        ("{program: train.py}", "{args: []}", "4: train: needs exactly one of 'program' and 'command'"),
        ("{program: train.py}", "{program: train.py, command: [a]}", "4: train: needs exactly one of 'program' and 'command'"),
        ("train.py}", "train.py, launch: slurm}", "4: train.launch: 'slurm'; allowed: torchrun, command, msrun, paddle, mpirun"),
        ("train.py}", "train.py, launch: torchrnu}", "4: train.launch: 'torchrnu'; did you mean 'torchrun'? allowed: torchrun, command, msrun, paddle, mpirun"),
        ("train.py}", "train.py, timeout: 12}", "4: train.timeout: no unit; allowed: s, min, h, d"),
        ("train.py}", "train.py, timeout: 12 hours}", "4: train.timeout: unit 'hours'; allowed: s, min, h, d"),
        ("train.py}", "train.py, stall: 0 s}", "4: train.stall: '0 s': must be more than 0 s and at most 366 d"),
        ("train.py}", "train.py, stall: soon}", "4: train.stall: 'soon': must be a number with a unit, such as '12 h'"),
        ("train.py}", "train.py, directory: nowhere}", "4: train.directory: 'nowhere': no such directory beside the case"),
        ("train.py}", "train.py, directory: ../up}", "4: train.directory: '../up': must be a path below the directory, without '..'"),
        ("train.py}", 'train.py, environment: {A: 1, "A=B": 1}}', "4: train.environment.'A=B': 'A=B': may only have the characters A-Z, a-z, 0-9 and _"),
        ("train.py}", "train.py,\n  environment: {A: 1,\n    '': 1}}", "6: train.environment.'': '': may only have the characters A-Z, a-z, 0-9 and _"),
        ("train.py}", 'train.py, environment: {"A\\0": 1}}', "4: train.environment.'A\\x00': 'A\\x00': may only have the characters A-Z, a-z, 0-9 and _"),
        ("train.py}", "train.py, environment: {SIXDIM_RUN: x}}", "4: train.environment.SIXDIM_RUN: names that begin with SIXDIM_ are the agent's own"),
        ("train.py}", 'train.py, environment: {A: "a\\0b"}}', "4: train.environment.A: 'a\\x00b': an argument can't hold a NUL character"),
        ("train.py}", "train.py, environment: {A: [1]}}", "4: train.environment.A: must be text or a number"),
        ("train.py}", "train.py, environment: [A]}", "4: train.environment: must be a mapping, not a list of 1"),
        ("train.py}", "train.py,\n  environment: {A: '{checkout}/x'}}", "5: train.environment.A: {checkout} needs 'train.checkout'"),
        ("train.py}", "train.py,\n  args: [a,\n    '{checkout}']}", "6: train.args[1]: {checkout} needs 'train.checkout'"),
        ("train.py}", "train.py, args: --lr}", "4: train.args: must be a list, not '--lr'"),
        ("train.py}", "train.py, args: [[--lr]]}", "4: train.args[0]: must be text or a number"),
        ("train.py}", 'train.py, args: ["{dta}"]}', f"4: train.args[0]: unknown placeholder 'dta'; did you mean 'data'? allowed: {', '.join(PLACEHOLDERS)} ({{{{ and }}}} for braces)"),
        ("train.py}", 'train.py, args: ["{seed!r}"]}', f"4: train.args[0]: unknown placeholder 'seed!r'; did you mean 'seed'? allowed: {', '.join(PLACEHOLDERS)} ({{{{ and }}}} for braces)"),
        ("train.py}", 'train.py, args: ["a}"]}', "4: train.args[0]: 'a}': a single '}'; write '}}' for a brace"),
        # configurations
        ("vendor: cpu", "vendor: nvidai", "6: configurations[0].vendor: unknown vendor 'nvidai'; did you mean 'nvidia'? known: cpu, nvidia"),
        ("precision: fp32", "precision: amp-bf61", f"6: configurations[0].precision: 'amp-bf61'; did you mean 'amp-bf16'? allowed: {PRECISIONS}"),
        ("precision: fp32", "precision: [fp32]", "6: configurations[0].precision: must be text, not a list of 1"),
        ("batch_size: 32", "batch_size: 0", "6: configurations[0].batch_size: must be more than 0, not 0"),
        ("batch_size: 32", "batch_size: 3.5", "6: configurations[0].batch_size: must be a whole number, not 3.5"),
        ("batch_size: 32", "batch_size: 32, cards: 0", "6: configurations[0].cards: must be more than 0, not 0"),
        ("batch_size: 32", "batch_size: 32, cards: [1, 0]", "6: configurations[0].cards[1]: must be more than 0, not 0"),
        ("batch_size: 32", "batch_size: 32, nodes: []", "6: configurations[0].nodes: must not be empty"),
        ("batch_size: 32", "batch_size: 32, nodes: 99999", "6: configurations[0].nodes: must be at most 65536, not 99999"),
        ("batch_size: 32", "batch_size: 32, args: [x]", "6: configurations[0]: 'args' need a 'tag', which tells this configuration from the others"),
        ("batch_size: 32", "batch_size: 32, tag: A-B", "6: configurations[0].tag: 'A-B': may only have the characters a-z, 0-9 and _"),
        (f"\n  - {CONFIGURATION}", " []", "5: configurations: must not be empty"),
    ],
)  # fmt: skip
def test_message_names_line_key_and_what_is_allowed(
    workbench, case_text: str, before: str, after: str, expected: str
) -> None:
    problems = workbench.refused(workbench.changed(before, after, case_text))
    assert sorted(problems) == sorted(f"tiny.case.yaml:{problem}" for problem in expected.split("|"))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("title: ''", "title: must not be empty"),
        ('title: "a\\nb"', "title: 'a\\nb': must be one line of printable text"),
        ("data: {path: /d}", "data.path: '/d': must be a path below the directory, without '..'"),
        ("data: {path: d, must_contain: [../x]}", "data.must_contain[0]: '../x': must be a path below the directory, without '..'"),
        ("log: {format: Perf Log}", "log.format: 'Perf Log': may only have the characters a-z, 0-9, _ and -"),
        ("log: {stream: file}", "log.stream: 'file'; allowed: both, stdout, stderr"),
        ("log: {rank: first}", "log.rank: must be a rank (0 or more), last or all"),
        ("log: {rank: -1}", "log.rank: must be a rank (0 or more), last or all"),
        ("measure: {steady: yes}", "measure.steady: must be true or false, not 'yes'"),
        ("measure: {segment_steps: 0}", "measure.segment_steps: must be more than 0, not 0"),
        ("measure: {segments: 2}", "measure.segments: must be at least 3, not 2"),
        ("measure: {segment_seconds: 1e9}", "measure.segment_seconds: must be at most 3600, not 1e9"),
        ("stability: {runs: 0}", "stability.runs: must be at least 1, not 0"),
        ("stability: {at: epoch}", "stability.at: 'epoch'; allowed: target, budget"),
        ("stability: {at: budget}", "stability: needs 'budget', such as '150000 samples', because 'at' is budget"),
        ("stability: {budget: 5 samples}", "stability: 'budget' has no use here; it needs 'at: budget'"),
        ("stability: {at: budget, budget: 5}", "stability.budget: no unit; allowed: sample, samples"),
        ("stability: {band: 0 %}", "stability.band: '0 %': must be more than 0"),
        ("stability: {band: 0.3 dB}", "stability: band: unit 'dB'; the metric's unit is '%'"),
        ("limits: {accuracy: 75}", "unknown key 'accuracy' in limits: the metric's target is the limit of accuracy"),
        ("limits: {speed: 5 %}", "limits.speed: '5 %': asks for more than the baseline has (higher is better); write it as '-5 %'"),
        ("limits: {power: -5 %}", "limits.power: '-5 %': asks for more than the baseline has (lower is better); write it as '5 %'"),
        ("limits: {speed: -100 %}", "limits.speed: '-100 %': must be more than -100 %"),
        ("limits: {power: 300}", "limits.power: no unit; allowed: W, %"),
        ("limits: {memory: 30 Gib}", "limits.memory: unit 'Gib'; did you mean 'GiB'? allowed: GiB, MiB, GB, %"),
        ("limits: {memory: baseline + 3 %}", "limits.memory: unit '%'; allowed: GiB, MiB, GB"),
        ("limits: {linearity: 0.9 W}", "limits.linearity: unit 'W'; allowed: no unit, %"),
        ("limits: {stability: 1.2}", "limits.stability: '1.2': must be more than 0 and at most 1"),
        ("limits: {stability: baseline * 2}", "limits.stability: 'baseline * 2': must be a number with a unit, such as '0.8'"),
        ("limits: {speed: true}", "limits.speed: must be text such as '-5 %'"),
        ("flops_per_sample: -1", "flops_per_sample: must be more than 0, not -1"),
        ("quick: {target: '60'}", "quick.target: must be a number, not '60'"),
        ("quick: {arsg: []}", "unknown key 'arsg' in quick; did you mean 'args'?"),
        ("'a b': 1", "unknown key 'a b'; allowed: sixdim, name, title, task, data, metric, train, log, measure, stability, limits, flops_per_sample, configurations, quick"),
    ],
)  # fmt: skip
def test_message_about_a_block_that_may_be_left_out(workbench, case_text: str, block: str, expected: str) -> None:
    assert workbench.refused(f"{case_text}{block}\n") == [f"tiny.case.yaml:7: {expected}"]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("{name: psnr, unit: dB, better: higher, target: 30}", "'0.3 dB', because the metric is in dB"),
        ("{name: elbo, better: higher, target: -2.5}", "'0.02', because the target is not above 0"),
        ('{name: gain, unit: "%", better: higher, target: 0}', "'0.5 points', because the target is not above 0"),
    ],
)
def test_metric_near_or_below_zero_needs_an_absolute_band(workbench, case_text: str, metric: str, reason: str) -> None:
    text = workbench.changed(METRIC, metric, case_text)
    assert workbench.refused(text) == [f"tiny.case.yaml:1: stability: needs an absolute 'band', such as {reason}"]
    assert workbench.refused(text + "stability: {band: 2 %}\n") == [
        f"tiny.case.yaml:7: stability: needs an absolute 'band', such as {reason}"
    ]


def test_unknown_log_format_is_refused_where_the_known_ones_are_given(workbench, case_text: str) -> None:
    path = workbench.write(case_text + "log: {format: sixdmi}\n")
    assert load_case(path, ["cpu"]).log.format == "sixdmi"
    with pytest.raises(SchemaError) as error:
        load_case(path, ["cpu"], dialects={"sixdim": "pytest_sixdim.dialects.sixdim:SixdimDialect", "perflog": ""})
    assert str(error.value) == (
        "tiny.case.yaml:7: log.format: unknown log format 'sixdmi'; did you mean 'sixdim'? known: perflog, sixdim"
    )


def test_configuration_given_twice_names_both_lines(workbench, case_text: str) -> None:
    text = case_text + "  - {vendor: cpu, precision: fp32, batch_size: 32, cards: [2, 1]}\n"
    assert workbench.refused(text) == [
        "tiny.case.yaml:7: configurations[1]: cpu-fp32-bs32-1x1 is already given in line 6"
    ]


def test_configuration_given_twice_is_found_beside_other_mistakes(workbench, case_text: str) -> None:
    text = (
        case_text
        + "  - {vendor: cup, precision: fp32, batch_size: 32}\n  - {vendor: cpu, precision: fp32, batch_size: 32}\n"
    )
    assert workbench.refused(text) == [
        "tiny.case.yaml:7: configurations[1].vendor: unknown vendor 'cup'; did you mean 'cpu'? known: cpu, nvidia",
        "tiny.case.yaml:8: configurations[2]: cpu-fp32-bs32-1x1 is already given in line 6",
    ]


def test_tag_tells_configurations_apart(workbench, case_text: str) -> None:
    case = workbench.case(case_text + "  - {vendor: cpu, precision: fp32, batch_size: 32, tag: again}\n")
    assert [configuration.id for configuration in case.configurations] == [
        "cpu-fp32-bs32-1x1",
        "cpu-fp32-bs32-again-1x1",
    ]


def test_all_problems_of_a_file_come_at_once_in_the_order_of_their_lines(workbench) -> None:
    text = """\
sixdim: 1
name: Tiny
name: tiny
metric: {name: top1, better: higher, traget: 1}
train:
  program: gone.py
  args: ["{sed}"]
configurations:
  - {vendor: cpu, precision: fp32, batch_size: -1}
  - {vendor: cpu, precision: fp32, batch_size: &b 1}
nonsense: 1
"""
    placeholders = ", ".join(PLACEHOLDERS)
    keys = "sixdim, name, title, task, data, metric, train, log, measure, stability, limits, flops_per_sample"
    assert workbench.refused(text) == [
        "tiny.case.yaml:2: name: 'Tiny': may only have the characters a-z, 0-9 and _",
        "tiny.case.yaml:3: key 'name' is already given in line 2",
        "tiny.case.yaml:4: unknown key 'traget' in metric; did you mean 'target'?",
        "tiny.case.yaml:6: train.program: 'gone.py': no such file beside the case",
        "tiny.case.yaml:7: train.args[0]: unknown placeholder 'sed'; did you mean 'seed'? "
        f"allowed: {placeholders} ({{{{ and }}}} for braces)",
        "tiny.case.yaml:9: configurations[0].batch_size: must be more than 0, not -1",
        "tiny.case.yaml:10: anchor &b: write the value out wherever it is needed",
        f"tiny.case.yaml:11: unknown key 'nonsense'; allowed: {keys}, configurations, quick",
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("name: tiny", "name: " + "a" * 61, "must have at most 60 characters"),
        ("name: tiny", "name: tiny\ntitle: " + "a" * 101, "must have at most 100 characters, not 101"),
        ("batch_size: 32", "batch_size: 1000000000001", "must be at most 1e+12"),
        ("train.py}", f"train.py, args: [{'x' * 10_001}]}}", "at most 10000 characters"),
        ("train: {", 'log: {file: "a**b"}\ntrain: {', "may have one '**', as a directory of its own"),
        ("train: {", 'log: {file: "**/a/**"}\ntrain: {', "may have one '**', as a directory of its own"),
        ("train: {", 'log: {file: "."}\ntrain: {', "must name a file"),
        ("train: {", "log: {file: ../a}\ntrain: {", "must be a path below the directory"),
        (
            "batch_size: 32}",
            f"batch_size: 32, cards: {list(range(1, 33))}, nodes: {list(range(1, 33))}}}",
            "configurations: more than 1000, each of 'cards' x 'nodes' counted",
        ),
    ],
)
def test_what_would_be_too_much_is_refused(workbench, before: str, after: str, expected: str) -> None:
    refused = workbench.refused(workbench.changed(before, after))
    assert len(refused) == 1
    assert expected in refused[0]
