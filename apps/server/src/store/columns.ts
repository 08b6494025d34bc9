import type { CapabilityUse, ClientTool, LastTurn, WaitingFor } from '@outlast/contract'
import type { ColumnType, JSONColumnType } from 'kysely'

/** Written as a string, read back as an RFC 3339 string. */
export type Time = ColumnType<string, string | undefined, string>
export type NullableTime = ColumnType<string | null, string | null | undefined, string | null>
/** Exact decimal. A query that needs a number casts it to `float8`. */
export type Numeric = string
/** A composite type, which only SQL reads. */
export type CompositeText = string
export type Details = ColumnType<Record<string, unknown> | null, string | null, string | null>
export type UsesColumn = JSONColumnType<CapabilityUse[], string | undefined, string>
export type ToolsColumn = JSONColumnType<ClientTool[], string | undefined, string>
/** Any JSON; a JSON `null` is no value. */
export type AnyJson = ColumnType<unknown, string | null, string | null>
export type WaitingColumn = JSONColumnType<
  WaitingFor | null,
  string | null | undefined,
  string | null
>
export type LastTurnColumn = JSONColumnType<
  LastTurn | null,
  string | null | undefined,
  string | null
>
