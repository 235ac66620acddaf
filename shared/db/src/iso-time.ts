/** A time as JavaScript writes it (`toISOString`), from SQL: milliseconds, UTC, cut and not rounded. */
export const iso = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
