import type { Controls, EventMessage, NewMessage, TurnSettings } from '@outlast/contract'
import { invalidAt } from '../../errors.ts'
import { checkOutputSchema, isSchema } from '../schemas/output-schema.ts'

type Given = Pick<NewMessage, 'context' | 'instructions' | 'controls'>
type Settings = Pick<EventMessage, 'controls' | 'instructions' | 'context'>

const contextBytesMax = 65_536
const instructionsBytesMax = 32_768
const hintsBytesMax = 16_384

/**
 * Validates the settings of a message. `controls` keeps an empty output schema, which means text.
 * Contract: throws 400 with the path.
 */
export function checkTurnSettings({ context, instructions, controls }: Given): Settings {
  const checked = controls && checkedControls(controls)
  checkSize('context', JSON.stringify(context ?? []), contextBytesMax)
  checkSize('instructions', instructions ?? '', instructionsBytesMax)
  return {
    ...(checked && { controls: checked }),
    ...(instructions && { instructions }),
    ...(context && context.length > 0 && { context }),
  }
}

/** Validates the controls of a message or a schedule. Contract: throws 400 with the path. */
export function checkedControls(controls: Controls, path = 'controls'): Controls {
  const { output_schema: given, ...others } = controls
  checkHints(others.hints, `${path}/hints`)
  const schema = checkOutputSchema(given, `${path}/output_schema`)
  return { ...others, ...(schema && { output_schema: schema }) }
}

/** Contract: throws 400 for hints that no session could have. */
export const checkHints = (hints: Controls['hints'], path: string) =>
  checkSize(path, JSON.stringify(hints ?? {}), hintsBytesMax)

function checkSize(path: string, text: string, bytesMax: number) {
  if (Buffer.byteLength(text) <= bytesMax) return
  throw invalidAt(path, `must not have more than ${bytesMax} bytes`)
}

/** True if a message has settings for its turn, so that it needs a turn of its own. */
export const needsOwnTurn = ({ controls, instructions, context, tools }: Partial<EventMessage>) =>
  controls?.output_schema != null ||
  Boolean(instructions) ||
  (context ?? []).length > 0 ||
  (tools ?? []).length > 0

/** The settings of a message for its turn; undefined without any. */
export function turnSettingsOf(message: EventMessage | undefined): TurnSettings | undefined {
  if (!message || !needsOwnTurn(message)) return undefined
  const { id, controls, instructions, context, tools } = message
  const schema = controls?.output_schema
  return {
    message_id: id as TurnSettings['message_id'],
    ...(instructions && { instructions }),
    ...(context && { context }),
    ...(tools && { tools }),
    ...(isSchema(schema) && { output_schema: { ...schema } }),
  }
}

/**
 * The text that a message adds after the system prompt, for its turn only; empty without one.
 * Contract: pure. Values cannot close the tag around them.
 */
export function addedPrompt({ instructions, context = null }: Partial<EventMessage> = {}): string {
  const facts = JSON.stringify(context ?? [], undefined, 1).replaceAll('<', '\\u003c')
  return [
    ...(instructions ? [`<turn-instructions>\n${instructions}\n</turn-instructions>`] : []),
    ...(context && context.length > 0 ? [`<turn-context>\n${facts}\n</turn-context>`] : []),
  ].join('\n\n')
}
