"""The formulas that are more than points. Each takes its inputs in canonical units and shows its arithmetic.

Units stand in inputs.toml and in each calculator's file, with the source of its formula. A formula gives the value
unrounded; what is shown is rounded once, and its band is chosen on what is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from agent.calculators.types import Computed, Value
from agent.calculators.values import shown_number as n

PREGNANCY_DAYS = 280
_WATER_VAPOUR, _QUOTIENT = 47.0, 0.8


def half_up(value: float, digits: int = 0) -> float:
    """Rounded as people and laboratories round: 24.95 is 25.0."""
    exact = Decimal(repr(round(value, 9)))
    return float(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))


def _got(values: Mapping[str, Value], name: str) -> float:
    value = values[name]
    if not isinstance(value, int | float):
        raise TypeError(f"{name} is no number")
    return float(value)


def _day(values: Mapping[str, Value], name: str) -> date:
    value = values[name]
    if not isinstance(value, date):
        raise TypeError(f"{name} is no day")
    return value


def ckd_epi_2021(values: Mapping[str, Value]) -> Computed:
    """eGFR, mL/min/1.73 m², from creatinine in mg/dL and age in years."""
    age, creatinine, female = _got(values, "age"), _got(values, "creatinine"), values["sex"] == "female"
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = creatinine / kappa
    value = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age * (1.012 if female else 1)
    power = f"({n(creatinine)}/{kappa})^{alpha if ratio < 1 else -1.2}"
    return Computed(value, (f"142 × {power} × 0.9938^{n(age)}{' × 1.012' if female else ''} = {value:.1f}",))


def cockcroft_gault(values: Mapping[str, Value]) -> Computed:
    """Creatinine clearance, mL/min, from years, kg and mg/dL."""
    age, weight, creatinine = _got(values, "age"), _got(values, "weight"), _got(values, "creatinine")
    female = values["sex"] == "female"
    value = (140 - age) * weight / (72 * creatinine) * (0.85 if female else 1)
    return Computed(
        value, (f"(140 − {n(age)}) × {n(weight)} / (72 × {n(creatinine)}){' × 0.85' if female else ''} = {value:.1f}",)
    )


def fena(values: Mapping[str, Value]) -> Computed:
    """Fractional excretion of sodium, %; sodium in mmol/L, creatinine in mg/dL."""
    urine_na, na = _got(values, "urine_sodium"), _got(values, "sodium")
    urine_cr, cr = _got(values, "urine_creatinine"), _got(values, "creatinine")
    value = 100 * urine_na * cr / (na * urine_cr)
    return Computed(value, (f"100 × ({n(urine_na)} × {n(cr)}) / ({n(na)} × {n(urine_cr)}) = {value:.2f} %",))


def corrected_calcium(values: Mapping[str, Value]) -> Computed:
    """mmol/L, from calcium in mmol/L and albumin in g/L."""
    calcium, albumin = _got(values, "calcium"), _got(values, "albumin")
    value = calcium + 0.02 * (40 - albumin)
    return Computed(
        value, (f"{n(calcium)} + 0.02 × (40 − {n(albumin)}) = {value:.2f} mmol/L",), (("conventional", value * 4),)
    )


def anion_gap(values: Mapping[str, Value]) -> Computed:
    """mmol/L without potassium; with albumin (g/L) the corrected gap too."""
    sodium, chloride, bicarbonate = (_got(values, name) for name in ("sodium", "chloride", "bicarbonate"))
    value = sodium - chloride - bicarbonate
    working = [f"{n(sodium)} − ({n(chloride)} + {n(bicarbonate)}) = {n(value)}"]
    also = []
    if "albumin" in values:
        albumin = _got(values, "albumin")
        corrected = value + 0.25 * (40 - albumin)
        working.append(f"{n(value)} + 0.25 × (40 − {n(albumin)}) = {n(corrected)}")
        also.append(("corrected", corrected))
    return Computed(value, tuple(working), tuple(also))


def osmolality(values: Mapping[str, Value]) -> Computed:
    """mOsm/kg, from mmol/L; ethanol in mg/dL. With the measured osmolality, the gap too."""
    sodium, glucose, urea = (_got(values, name) for name in ("sodium", "glucose", "urea"))
    ethanol = _got(values, "ethanol") if "ethanol" in values else 0.0
    value = 2 * sodium + glucose + urea + ethanol / 3.7
    drink = f" + {n(ethanol)}/3.7" if ethanol else ""
    working = [f"2 × {n(sodium)} + {n(glucose)} + {n(urea)}{drink} = {value:.1f}"]
    also = []
    if "measured_osmolality" in values:
        measured = _got(values, "measured_osmolality")
        working.append(f"{n(measured)} − {value:.1f} = {measured - value:.1f}")
        also.append(("gap", measured - value))
    return Computed(value, tuple(working), tuple(also))


def corrected_sodium(values: Mapping[str, Value]) -> Computed:
    """mmol/L by Katz, and by Hillier; glucose in mmol/L (100 mg/dL are 5.55)."""
    sodium, glucose = _got(values, "sodium"), _got(values, "glucose") * 18
    hundreds = (glucose - 100) / 100
    katz, hillier = sodium + 1.6 * hundreds, sodium + 2.4 * hundreds
    working = tuple(
        f"{n(sodium)} + {factor} × ({n(glucose)} − 100)/100 = {value:.1f}"
        for factor, value in ((1.6, katz), (2.4, hillier))
    )
    return Computed(katz, working, (("hillier", hillier),))


def winters(values: Mapping[str, Value]) -> Computed:
    """The arterial pCO2 (mmHg) that compensates a metabolic acidosis with this bicarbonate (mmol/L)."""
    bicarbonate = _got(values, "bicarbonate")
    value = 1.5 * bicarbonate + 8
    also = [("least", value - 2), ("most", value + 2)]
    working = [f"1.5 × {n(bicarbonate)} + 8 = {n(value)} ± 2"]
    if "paco2" in values:
        paco2 = _got(values, "paco2")
        also.append(("difference", paco2 - value))
        working.append(f"{n(paco2)} − {n(value)} = {n(paco2 - value)}")
    return Computed(value, tuple(working), tuple(also))


def bmi(values: Mapping[str, Value]) -> Computed:
    """kg/m², from kg and cm."""
    weight, metres = _got(values, "weight"), _got(values, "height") / 100
    value = weight / metres**2
    return Computed(value, (f"{n(weight)} / {n(metres)}² = {value:.1f}",))


def mosteller(values: Mapping[str, Value]) -> Computed:
    """Body surface, m², from kg and cm."""
    weight, height = _got(values, "weight"), _got(values, "height")
    value = math.sqrt(height * weight / 3600)
    return Computed(value, (f"√({n(height)} × {n(weight)} / 3600) = {value:.2f}",))


def devine(values: Mapping[str, Value]) -> Computed:
    """Ideal body weight, kg; the 60 inches of the formula are 152.4 cm."""
    height, base = _got(values, "height"), 45.5 if values["sex"] == "female" else 50.0
    inches = height / 2.54
    value = base + 2.3 * (inches - 60)
    return Computed(value, (f"{n(base)} + 2.3 × ({n(height)}/2.54 − 60) = {value:.1f}",))


def holliday_segar(values: Mapping[str, Value]) -> Computed:
    """Maintenance water, mL/h by 4-2-1, and mL/day by 100-50-20; weight in kg."""
    weight = _got(values, "weight")
    first, second, rest = min(weight, 10), min(max(weight - 10, 0), 10), max(weight - 20, 0)
    hourly, daily = 4 * first + 2 * second + rest, 100 * first + 50 * second + 20 * rest
    return Computed(
        hourly,
        (
            f"4 × {n(first)} + 2 × {n(second)} + 1 × {n(rest)} = {n(hourly)}",
            f"100 × {n(first)} + 50 × {n(second)} + 20 × {n(rest)} = {n(daily)}",
        ),
        (("daily", daily),),
    )


def average_glucose(values: Mapping[str, Value]) -> Computed:
    """mmol/L and mg/dL, from HbA1c in % (NGSP)."""
    hba1c = _got(values, "hba1c")
    conventional = 28.7 * hba1c - 46.7
    value = 1.59 * hba1c - 2.59
    return Computed(
        value,
        (f"1.59 × {n(hba1c)} − 2.59 = {value:.1f} mmol/L", f"28.7 × {n(hba1c)} − 46.7 = {conventional:.0f} mg/dL"),
        (("conventional", conventional),),
    )


def friedewald(values: Mapping[str, Value]) -> Computed:
    """LDL cholesterol, mmol/L and mg/dL; inputs in mmol/L."""
    total, hdl, triglycerides = (_got(values, name) for name in ("cholesterol", "hdl", "triglycerides"))
    total_mg, hdl_mg, triglycerides_mg = total * 38.67, hdl * 38.67, triglycerides * 88.57
    mg = total_mg - hdl_mg - triglycerides_mg / 5
    return Computed(
        mg / 38.67,
        (f"{n(total_mg)} − {n(hdl_mg)} − {n(triglycerides_mg)}/5 = {mg:.0f} mg/dL = {mg / 38.67:.2f} mmol/L",),
        (("conventional", mg),),
    )


def bazett(values: Mapping[str, Value]) -> Computed:
    """QTc, ms, from QT in ms and beats a minute; RR = 60 / rate seconds."""
    return _qtc(values, 2, "√")


def fridericia(values: Mapping[str, Value]) -> Computed:
    """QTc, ms, with the cube root of RR."""
    return _qtc(values, 3, "∛")


def _qtc(values: Mapping[str, Value], root: int, sign: str) -> Computed:
    qt, pulse = _got(values, "qt"), _got(values, "pulse")
    interval = 60 / pulse
    value = qt / interval ** (1 / root)
    return Computed(
        value, (f"RR = 60 / {n(pulse)} = {interval:.3f} s", f"{n(qt)} / {sign}{interval:.3f} = {value:.0f}")
    )


def mean_pressure(values: Mapping[str, Value]) -> Computed:
    """mmHg."""
    systolic, diastolic = _got(values, "systolic"), _got(values, "diastolic")
    value = diastolic + (systolic - diastolic) / 3
    return Computed(value, (f"{n(diastolic)} + ({n(systolic)} − {n(diastolic)})/3 = {value:.1f}",))


def alveolar_gradient(values: Mapping[str, Value]) -> Computed:
    """A-a gradient, mmHg, and with the age what is expected of it; pressures in mmHg, FiO2 as a fraction."""
    fio2, pao2, paco2 = (_got(values, name) for name in ("fio2", "pao2", "paco2"))
    pressure = _got(values, "pressure") if "pressure" in values else 760.0
    alveolar = fio2 * (pressure - _WATER_VAPOUR) - paco2 / _QUOTIENT
    value = alveolar - pao2
    working = [
        f"PAO2 = {n(fio2)} × ({n(pressure)} − 47) − {n(paco2)}/0.8 = {alveolar:.1f}",
        f"{alveolar:.1f} − {n(pao2)} = {value:.1f}",
    ]
    also = []
    if "age" in values:
        age = _got(values, "age")
        expected = age / 4 + 4
        working.append(f"{n(age)}/4 + 4 = {n(expected)}")
        also += [("expected", expected), ("excess", value - expected)]
    return Computed(value, tuple(working), tuple(also))


def rox(values: Mapping[str, Value]) -> Computed:
    """(SpO2 in % / FiO2) / breaths a minute."""
    spo2, fio2, breaths = (_got(values, name) for name in ("spo2", "fio2", "breaths"))
    value = spo2 / fio2 / breaths
    return Computed(value, (f"({n(spo2)} / {n(fio2)}) / {n(breaths)} = {value:.2f}",))


def fib4(values: Mapping[str, Value]) -> Computed:
    """Years, U/L, 10^9/L."""
    age, ast, alt, platelets = (_got(values, name) for name in ("age", "ast", "alt", "platelets"))
    value = age * ast / (platelets * math.sqrt(alt))
    return Computed(value, (f"({n(age)} × {n(ast)}) / ({n(platelets)} × √{n(alt)}) = {value:.2f}",))


def meld_na(values: Mapping[str, Value]) -> Computed:
    """MELD with sodium as the OPTN used it from 2016 to 2023; mg/dL and mmol/L."""
    creatinine = 4.0 if values["dialysis"] == "yes" else min(max(_got(values, "creatinine"), 1.0), 4.0)
    bilirubin, inr = max(_got(values, "bilirubin"), 1.0), max(_got(values, "inr"), 1.0)
    sodium = min(max(_got(values, "sodium"), 125.0), 137.0)
    initial = half_up(10 * (0.957 * math.log(creatinine) + 0.378 * math.log(bilirubin) + 1.12 * math.log(inr) + 0.643))
    working = [
        f"MELD(i) = 10 × (0.957 × ln {n(creatinine)} + 0.378 × ln {n(bilirubin)} + 1.120 × ln {n(inr)} + 0.643) = {n(initial)}"
    ]
    value = initial
    if initial > 11:
        value = initial + 1.32 * (137 - sodium) - 0.033 * initial * (137 - sodium)
        working.append(
            f"{n(initial)} + 1.32 × (137 − {n(sodium)}) − 0.033 × {n(initial)} × (137 − {n(sodium)}) = {value:.1f}"
        )
    return Computed(min(max(half_up(value), 6.0), 40.0), tuple(working))


def meld_3(values: Mapping[str, Value]) -> Computed:
    """MELD 3.0; mg/dL, mmol/L and albumin in g/L."""
    creatinine = 3.0 if values["dialysis"] == "yes" else min(max(_got(values, "creatinine"), 1.0), 3.0)
    bilirubin, inr = max(_got(values, "bilirubin"), 1.0), max(_got(values, "inr"), 1.0)
    sodium = min(max(_got(values, "sodium"), 125.0), 137.0)
    albumin = min(max(_got(values, "albumin") / 10, 1.5), 3.5)
    female = 1.33 if values["sex"] == "female" else 0.0
    value = (
        female
        + 4.56 * math.log(bilirubin)
        + 0.82 * (137 - sodium)
        - 0.24 * (137 - sodium) * math.log(bilirubin)
        + 9.09 * math.log(inr)
        + 11.14 * math.log(creatinine)
        + 1.85 * (3.5 - albumin)
        - 1.83 * (3.5 - albumin) * math.log(creatinine)
        + 6
    )
    working = (
        f"{n(female)} + 4.56 × ln {n(bilirubin)} + 0.82 × {n(137 - sodium)} − 0.24 × {n(137 - sodium)} × ln {n(bilirubin)} "
        f"+ 9.09 × ln {n(inr)} + 11.14 × ln {n(creatinine)} + 1.85 × {n(3.5 - albumin)} "
        f"− 1.83 × {n(3.5 - albumin)} × ln {n(creatinine)} + 6 = {value:.1f}",
    )
    return Computed(min(max(half_up(value), 6.0), 40.0), working)


def due_date(values: Mapping[str, Value]) -> Computed:
    """The day 280 days after the last period's first; beside it what Naegele's months and days give."""
    first = _day(values, "last_period")
    due = first + timedelta(days=PREGNANCY_DAYS)
    months = first.month - 3 if first.month > 3 else first.month + 9
    year = first.year + (first.month > 3)
    # The rule adds seven days to a day of the new month that may not exist (31 November): it runs on into the next.
    naegele = date(year, months, 1) + timedelta(days=first.day - 1 + 7)
    return Computed(due, (f"{first.isoformat()} + {PREGNANCY_DAYS} d = {due.isoformat()}",), (("naegele", naegele),))


def due_date_scan(values: Mapping[str, Value]) -> Computed:
    """The due day from a scan's day and the age it found, in days."""
    scan, age = _day(values, "scan_day"), _got(values, "scan_age")
    due = scan + timedelta(days=PREGNANCY_DAYS - round(age))
    return Computed(due, (f"{scan.isoformat()} + ({PREGNANCY_DAYS} − {n(age)}) d = {due.isoformat()}",))


def gestational_age(values: Mapping[str, Value]) -> Computed:
    """Days since the last period began, on the day asked about."""
    first, on = _day(values, "last_period"), _day(values, "on_day")
    days = (on - first).days
    return Computed(
        float(days),
        (f"{on.isoformat()} − {first.isoformat()} = {days} d = {days // 7} × 7 + {days % 7}",),
        (("due", first + timedelta(days=PREGNANCY_DAYS)),),
    )


FORMULAS: Mapping[str, Callable[[Mapping[str, Value]], Computed]] = {
    function.__name__: function
    for function in (
        ckd_epi_2021, cockcroft_gault, fena, corrected_calcium, anion_gap, osmolality, corrected_sodium, winters, bmi,
        mosteller, devine, holliday_segar, average_glucose, friedewald, bazett, fridericia, mean_pressure,
        alveolar_gradient, rox, fib4, meld_na, meld_3, due_date, due_date_scan, gestational_age,
    )
}  # fmt: skip
