"""Results for people: tables, comparisons and the queries behind them."""
