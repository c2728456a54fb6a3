"""Write `docs/portfolio.md` from the table that `patchpact calibrate portfolio` has measured.

python tools/write_portfolio.py [TABLE.csv [PAGE.md]]
"""

from __future__ import annotations

import sys
from pathlib import Path

from patchpact.cli.output import table as rows_as_text
from patchpact.ecosystem.portfolio.calibration import splits
from patchpact.ecosystem.portfolio.results import FORECASTS, STRATEGIES, Number, Walked
from patchpact.ecosystem.portfolio.settings import FULL
from patchpact.envs.core.records import MOST_RETURNS
from patchpact.scenarios.tables import Table, bundled, read_table

TARGET = Path(__file__).resolve().parent.parent / "docs" / "portfolio.md"

METHOD = f"""## How it was measured

- **A step is a week**, as a window of the game. On the last trading day of a week a forecast of each asset's return
  over the next week is made, then portfolios are formed at that day's close and held for the week.
- **Forecast**: one LSTM layer of {FULL.hidden} units sees an asset's last {FULL.lookback_rows} daily returns and
  forecasts its return over the next week. All assets share its weights. Adam ({FULL.learning_rate:g}, batches of
  {FULL.batch}), squared error, at most {FULL.epochs} passes, stopped when {FULL.patience} passes bring no better
  validation error; the best weights are used. These settings are assumptions, set once and not tuned on the test.
- **Splits**: trained on {FULL.train_weeks} weeks, validated on the {FULL.validation_weeks} weeks after them, used for
  the {FULL.retrain_weeks} weeks after those, then trained anew on a window that has rolled on. Means and deviations
  for standardising are those of the train part. Tests change all prices after a day and ask that every forecast and
  weight up to that day stays equal to the last bit, and that they change where the day itself is changed; that dates a
  day later give the same table a day later; that a week cut from the front moves all splits by a week.
- **Repeats**: {FULL.seeds} seeds (initial weights, order of samples), in walks that begin
  {" and ".join(str(start) for start in FULL.starts)} weeks late, so that trainings fall on other dates. The strategies
  use the mean forecast of the seeds in the first walk.
- **Naive forecasts**: zero; the mean of the past {FULL.train_weeks + FULL.validation_weeks} weeks; last week's return.
- **Portfolios**: long only, fully invested, by skfolio's MeanRisk with a covariance of the last
  {FULL.covariance_rows} days shrunk by Ledoit and Wolf (2004). Least variance needs no forecast. The greatest ratio of
  forecast to deviation needs one above zero; in weeks without, least variance stands there (share given below). A zero
  forecast has no such portfolio at all: least variance is what it comes to.
- **Costs**: {FULL.cost_rate * 1e4:g} basis points of all that is bought or sold, the first purchase included; the
  index is held and pays none. The optimiser does not know of costs.
- **Intervals** are 95%, from 2,000 resamples of the weeks in circular blocks of 26 (Politis and Romano, 1992), the
  same weeks for all that is compared; for single LSTMs seeds and starts are resampled too. Sharpe ratios are of
  returns as they are, without a risk-free rate.
"""

LIMITS = """## What it does not show

- The 20 shares are large firms that were still there at the end of 2022: chosen with hindsight, so that 1/N and all
  portfolios of them look better than anybody could have done. Compare strategies with 1/N, not with the index, which
  is also a price index without dividends, where the shares' prices include them.
- One market and one history. Intervals from resampled weeks of this history say nothing of another one. Drawdowns of
  resampled weeks lose what lasts longer than a block.
- Other networks, more inputs, other horizons or a cost-aware optimiser may do better; none was tried.
- The validation error that is disclosed has also chosen when training stops: it flatters the forecast a little.
- None of this is advice, and no return is promised.
"""


def page(found: Table) -> str:
    """The page's text. Raises ``ValueError`` for a table of other settings than it tells."""
    if splits(FULL) not in found.notes:
        raise ValueError(f"{found.where}: was not walked by the settings this page tells; measure anew without --small")
    walked = Walked(found)
    single, mean = walked.gain_of_runs(), walked.gain_over_zero("lstm")
    parts = [
        "# Does an LSTM help the investor?",
        "Written by `python tools/write_portfolio.py` from `scenarios/tables/portfolio.csv`, which"
        f" `{found.provenance['command']}` has measured ({found.provenance['date']}; {found.provenance['libraries']})."
        f" {walked.weeks:,} weeks out of sample, decided from {walked.decided[0]} to {walked.decided[-1]}.",
        "\n".join(f"- {note}" for note in found.notes if note.startswith("prices")),
        "## In short\n\n" + "\n".join(_short(walked, single, mean)),
        METHOD.rstrip(),
        "## Forecasts\n\nGain: 1 - MSE / MSE of the zero forecast, as the out-of-sample R² of Campbell and"
        " Thompson (2008) with zero for the mean. Below 0 is worse than saying nothing.",
        _markdown(_forecasts(walked, single)),
        "One LSTM, by start of the walk, in each seed:",
        _markdown(_runs(walked)),
        "## Strategies\n\nAfter costs, intervals in brackets. `over 1/N` is the difference of Sharpe ratios in"
        " the same weeks.",
        _markdown(_strategies(walked)),
        "## Disclosed and realised errors\n\nWhat a training's validation part promised, and what its weeks of test"
        " brought: root mean squared errors of weekly returns, and gains over the zero forecast of the same weeks."
        f" Realised over disclosed, all weeks: {_shown(walked.realised_over_disclosed(), '.2f')}.",
        _markdown(_trainings(walked)),
        LIMITS.rstrip(),
    ]
    return "\n\n".join(parts) + "\n"


def _short(walked: Walked, single: Number, mean: Number) -> list[str]:
    """Conclusions, each told by its interval."""
    lines = [
        f"- **Forecasts.** {_verdict(single, 'One LSTM', 'the zero forecast')}. Its squared error differs from zero's"
        f" by {-single.value:+.2%} ({-single.high:+.2%} to {-single.low:+.2%}), that of the seeds' mean forecast by"
        f" {-mean.value:+.2%} ({-mean.high:+.2%} to {-mean.low:+.2%}), that of last week's return by"
        f" {-walked.gain_over_zero('last').value:+.0%}."
    ]
    naive = walked.gain_of_runs("last")
    lines.append(
        f"- **Last value.** {_verdict(naive, 'One LSTM', 'last week as a forecast')} (gain {_shown(naive, '+.0%')});"
        f" the zero forecast has {1.0 - (walked.rmse('zero') / walked.rmse('last')) ** 2:+.0%}."
    )
    lstm = walked.earnings(["max_ratio_lstm"])["sharpe_over_1n"]
    lines.append(
        f"- **Portfolios.** After costs, {_verdict(lstm, 'the portfolio of its forecasts', '1/N')}: its Sharpe ratio"
        f" differs by {_shown(lstm, '+.2f')}. It trades {walked.turnover_a_year('max_ratio_lstm'):.0f} times its wealth"
        " a year."
    )
    lines += [_against(walked, "equal_weight", "1/N"), _against(walked, "index", "the index")]
    lines[-1] += " The shares were chosen with hindsight, and the index is without dividends."
    least = walked.earnings(["min_variance"])
    equal = walked.earnings(["equal_weight"])
    lines.append(
        f"- **Without any forecast**, least variance has a volatility of {least['volatility_a_year'].value:.1%} a year"
        f" against {equal['volatility_a_year'].value:.1%} of 1/N; its Sharpe ratio differs by"
        f" {_shown(least['sharpe_over_1n'], '+.2f')}."
    )
    ratio = walked.realised_over_disclosed()
    trainings = walked.trainings()
    promised = sum(float(one["disclosed_gain"]) > 0.0 for one in trainings)
    kept = sum(float(one["disclosed_gain"]) > 0.0 and float(one["realised_gain"]) > 0.0 for one in trainings)
    lines.append(
        f"- **Disclosure.** Errors were {_shown(ratio, '.2f')} times those disclosed. {promised} of {len(trainings)}"
        f" trainings disclosed a gain over zero; {kept} of these kept it."
    )
    lines.append(
        f"- **In the game** the reserve earns, with `reserve_table`, the last {min(walked.weeks, MOST_RETURNS)} weeks"
        " of 1/N, which needs no forecast; the module `forecast` brings nothing there (`forecast_gain` is 0)."
        " It moves the market agent's account and, with `lending_follows_reserve`, what it can lend, and with that"
        " firms' budgets (docs/platform.md). Nobody audits forecasts in play."
    )
    return lines


def _against(walked: Walked, other: str, title: str) -> str:
    """Which strategies beat another one and which are worse, by the Sharpe ratio after costs."""
    told: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
    for key, name in STRATEGIES.items():
        if key not in (other, "index"):
            found = walked.sharpe_over(key, other)
            kind = "better" if found.low > 0.0 else "worse" if found.high < 0.0 else "not told apart"
            told[kind].append(f"{name} ({found.value:+.2f})")
    parts = [f"{kind.capitalize()}: {'; '.join(names) or 'none'}" for kind, names in told.items()]
    return f"- **Against {title}**, difference of Sharpe ratios after costs: {'. '.join(parts)}."


def _verdict(gain: Number, name: str, other: str) -> str:
    if gain.low > 0.0:
        return f"{name} beats {other}"
    if gain.high < 0.0:
        return f"{name} is worse than {other}"
    return f"{name} neither beats {other} nor is shown to be worse"


def _forecasts(walked: Walked, single: Number) -> list[dict[str, str]]:
    rows = [{"forecast": "zero", "RMSE": f"{walked.rmse('zero'):.3%}", "gain over zero": "0"}]
    for name, title in FORECASTS.items():
        gain = _shown(walked.gain_over_zero(name), "+.2%")
        rows.append({"forecast": title, "RMSE": f"{walked.rmse(name):.3%}", "gain over zero": gain})
    error = walked.rmse("zero") * (1.0 - single.value) ** 0.5
    rows.append({"forecast": "one LSTM", "RMSE": f"{error:.3%}", "gain over zero": _shown(single, "+.2%")})
    return rows


def _runs(walked: Walked) -> list[dict[str, str]]:
    runs = walked.runs()
    return [
        {"begun late by": f"{start} weeks"}
        | {f"seed {seed}": f"{walked.gain_of_run(seed, start):+.2%}" for seed, at in runs if at == start}
        for start in sorted({start for _, start in runs})
    ]


def _strategies(walked: Walked) -> list[dict[str, str]]:
    rows = []
    for title, names in [(title, [name]) for name, title in STRATEGIES.items()] + [
        ("greatest ratio, one LSTM (mean of seeds)", walked.seeds())
    ]:
        found = walked.earnings(names)
        without = "-"
        if names[0].startswith("max_ratio"):
            without = f"{sum(walked.numbers(f'{name}_without_ratio').mean() for name in names) / len(names):.0%}"
        free = sum(walked.return_before_costs(name, FULL.cost_rate) for name in names) / len(names)
        rows.append(
            {
                "strategy": title,
                "return a year": _shown(found["return_a_year"], ".1%"),
                "before costs": f"{free:.1%}",
                "volatility": _shown(found["volatility_a_year"], ".1%"),
                "Sharpe": _shown(found["sharpe"], ".2f"),
                "over 1/N": _shown(found["sharpe_over_1n"], "+.2f") if names != ["equal_weight"] else "0",
                "drawdown": _shown(found["drawdown"], ".0%"),
                "traded a year": f"{sum(map(walked.turnover_a_year, names)) / len(names):.1f}",
                "weeks without ratio": without,
            }
        )
    return rows


def _trainings(walked: Walked) -> list[dict[str, str]]:
    rows = []
    for one in walked.trainings():
        disclosed, realised = float(one["disclosed_rmse"]), float(one["realised_rmse"])
        rows.append(
            {
                "weeks from": str(one["from"]),
                "disclosed RMSE": f"{disclosed:.2%}",
                "realised RMSE": f"{realised:.2%}",
                "realised / disclosed": f"{realised / disclosed:.2f}",
                "disclosed gain": f"{float(one['disclosed_gain']):+.2%}",
                "realised gain": f"{float(one['realised_gain']):+.2%}",
            }
        )
    return rows


def _shown(number: Number, form: str) -> str:
    return f"{number.value:{form}} ({number.low:{form}} to {number.high:{form}})"


def _markdown(rows: list[dict[str, str]]) -> str:
    return rows_as_text(rows, markdown=True)


def main() -> None:
    table = Path(sys.argv[1]) if len(sys.argv) > 1 else bundled("portfolio")
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else TARGET
    target.write_text(page(read_table(table)), encoding="utf-8")
    print(f"{target}: written")


if __name__ == "__main__":
    main()
