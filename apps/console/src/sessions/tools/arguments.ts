import type { ToolCallItem } from '@outlast/sdk'
import { escaped } from '../../shell/text/escapes.ts'

export type Todo = {
  content: string
  activeForm?: string
  status: 'pending' | 'in_progress' | 'completed'
}

const todoStatuses = new Set(['pending', 'in_progress', 'completed'])

/** Returns the tasks of a `write_todos` call, if its arguments are valid. */
export function todosOf(name: string, { todos }: Record<string, unknown>): Todo[] | undefined {
  if (name !== 'write_todos' || !Array.isArray(todos)) return undefined
  const isTodo = (one: unknown): one is Todo =>
    typeof one === 'object' &&
    one !== null &&
    'content' in one &&
    typeof one.content === 'string' &&
    'status' in one &&
    todoStatuses.has(String(one.status))
  return todos.every(isTodo) ? todos : undefined
}

const gistLengthMax = 120

/** Returns a one-line summary of arguments. */
export const gistOf = (given: ToolCallItem['arguments']) =>
  escaped(
    Object.values(given)
      .map((value) => (typeof value === 'string' ? value.slice(0, gistLengthMax) : shortOf(value)))
      .join(', ')
      .slice(0, gistLengthMax),
  )

const shortOf = (value: unknown) =>
  Array.isArray(value) ? `${value.length} items` : typeof value === 'object' ? '{…}' : String(value)

/** Parses a text as a JSON object. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Parses a result that a user enters for the client: JSON if valid, else text. */
export function answerOf(text: string): { value: unknown; isJson: boolean } {
  try {
    return { value: JSON.parse(text), isJson: true }
  } catch {
    return { value: text, isJson: false }
  }
}
