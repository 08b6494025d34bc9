import type { NewMessage, OutputSchema } from '@outlast/sdk'
import type { Context, Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'
import { jsonIn } from './input-file.ts'

/** Flags for the settings of a message that hold for its turn. */
export const turnFlags = {
  output: { type: 'string', value: 'FILE', about: 'JSON Schema of the answer' },
  instructions: { type: 'string', value: 'TEXT', about: 'system text for this turn only' },
  context: {
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE',
    about: 'fact for this turn only',
  },
  tools: { type: 'string', value: 'FILE', about: 'client tools for this turn only, as JSON' },
} as const satisfies Flags

type TurnInput = Pick<NewMessage, 'instructions' | 'context' | 'tools'> & {
  output: OutputSchema | undefined
}

/** Contract: throws a UsageError for unreadable files and invalid values. */
export async function turnInput(
  context: Pick<Context, 'io' | 'signal'>,
  flags: Given<typeof turnFlags>,
): Promise<TurnInput> {
  const { instructions } = flags
  const output = flags.output && (await jsonIn(context, '--output', flags.output))
  const tools = flags.tools && (await jsonIn(context, '--tools', flags.tools))
  if (tools && !Array.isArray(tools)) throw new UsageError('--tools: the file must have a list.')
  if (output && (typeof output !== 'object' || Array.isArray(output))) {
    throw new UsageError('--output: the file must have a JSON Schema, which is an object.')
  }
  return {
    ...(instructions !== undefined && { instructions }),
    ...(flags.context.length > 0 && { context: flags.context.map(itemOf) }),
    ...(tools ? { tools: tools as NonNullable<NewMessage['tools']> } : {}),
    output: (output || undefined) as OutputSchema | undefined,
  }
}

function itemOf(text: string) {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--context ${text}: write it as NAME=VALUE.`)
  return { description: text.slice(0, at), value: text.slice(at + 1) }
}
