import type { ErrorCode } from '../../errors.ts'

/** Groups of the API reference, in their order. */
export const tagNames = [
  'Sessions',
  'Messages',
  'Events',
  'Tool calls',
  'Front ends',
  'Session tokens',
  'End users',
  'Session storage',
  'Files',
  'Images',
  'Agents',
  'Agent channels',
  'Agent execution',
  'Capabilities',
  'Models',
  'Providers',
  'MCP servers',
  'Schedules',
  'Budgets',
  'Webhooks',
  'Alerts',
  'Authentication',
  'API keys',
  'Users',
  'Organizations',
  'Accounts',
  'Audit log',
  'Turns',
  'Nodes',
] as const
export type TagName = (typeof tagNames)[number]

/**
 * The texts of an operation in the API reference. The document adds the parts that follow from the
 * route: access, session tokens, retries, preconditions, and the errors that any such route has.
 */
export type OperationDocs = {
  tag: TagName
  /** Imperative, at most 60 characters, without a period. */
  summary: string
  /** Markdown: the effect, when to use the operation, and its side effects. */
  description: string
  /** Codes that only some operations return. */
  errors?: readonly ErrorCode[]
  /** Examples; without them the document derives each from the schema. */
  request?: unknown
  response?: unknown
  /** A call of the TypeScript client, where `outlast` is the client. */
  sample: string
}

/** Texts of operations by operation id. */
export type DocsTable = Readonly<Record<string, OperationDocs>>
