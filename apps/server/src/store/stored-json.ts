/**
 * SQL: stored JSON with U+FFFD in place of the escapes that no text of PostgreSQL can hold: NUL and
 * surrogates. PostgreSQL refuses `->`, `->>` and `json_array_elements_text` on JSON with such an
 * escape anywhere. Models write them, and the log stores what they wrote.
 * Contract: `column` is of type `json`; JSON without `\u` is neither changed nor copied.
 */
export const readableJson = (column: string) => String.raw`(case
    when strpos(${column}::text, '\u') = 0 then ${column}
    else regexp_replace(
      ${column}::text, '(?<!\\)((?:\\\\)*)\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\1\\ufffd', 'g'
    )::json end)`

/**
 * SQL: true for stored JSON that `readableJson` would not change, without the cost of its pattern:
 * 0.7 s for each MiB with many such escapes. False for some texts that contain a backslash.
 */
export const isReadableJson = (column: string) =>
  ['0000', 'd', 'D'].map((start) => `strpos(${column}::text, '\\u${start}') = 0`).join(' and ')

/**
 * SQL: an estimate of the length of a stored value without reading it, to limit what a statement
 * reads. A compressed value counts 32 times its stored size: most are shorter, and PostgreSQL's own
 * compression reaches 90 times.
 */
export const lengthEstimate = (column: string) =>
  `(pg_column_size(${column}) * case when pg_column_compression(${column}) is null then 1 else 32 end)`
