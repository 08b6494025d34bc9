import { type Static, Type } from 'typebox'
import { AnyObject } from '../core/shape.ts'

/** A JSON Schema for answers. Copies of it get the description of their place. */
export const OutputSchema = AnyObject

export const OutputError = Type.Object(
  {
    path: Type.String({
      description: 'Place in the answer as a JSON Pointer. Empty for the whole answer.',
      examples: ['/total'],
    }),
    message: Type.String({
      description: 'The problem at that place, for people and for the model.',
      examples: ['must be a number'],
    }),
  },
  { title: 'OutputError', description: 'One violation of the output schema.' },
)
export type OutputError = Static<typeof OutputError>

export const OutputErrors = Type.Array(OutputError)

export const ContextItem = Type.Object(
  {
    description: Type.String({
      maxLength: 10_240,
      description: 'Meaning of the value, for the model: at most 10,240 characters.',
      examples: ['Page that the user sees'],
    }),
    value: Type.Unknown({ description: 'The value: any JSON.', examples: ['/orders/4711'] }),
  },
  {
    title: 'ContextItem',
    description: 'A fact that the model gets for one turn.',
    examples: [{ description: 'Page that the user sees', value: '/orders/4711' }],
  },
)
export type ContextItem = Static<typeof ContextItem>

export const Context = Type.Array(ContextItem, { maxItems: 32 })
export const Instructions = Type.String({ maxLength: 32_768 })
