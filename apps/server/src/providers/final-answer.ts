import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { type ModelCallOptions, type VendorModel, withStream } from './provider.ts'

export const finalAnswer = 'final_answer'

/** Requires a call of a tool, or of the tool with the answer. */
export function withAnswerTool(options: ModelCallOptions, name: string): ModelCallOptions {
  const { responseFormat, tools = [], ...others } = options
  const schema = responseFormat?.type === 'json' ? responseFormat.schema : undefined
  if (!schema) return options
  const description = 'Gives the final answer. Call it last, alone, with the whole answer.'
  const tool = { type: 'function' as const, name, description, inputSchema: schema }
  const toolChoice: ModelCallOptions['toolChoice'] =
    tools.length > 0 ? { type: 'required' } : { type: 'tool', toolName: name }
  return { ...others, tools: [...tools, tool], toolChoice }
}

/**
 * Returns a model whose calls of the tool `name` are the text of its reply. Text beside such a call
 * is dropped, so it is held back until the end. For each part that is held back or replaced, the
 * stream has a raw part: see `heldPart`.
 */
export function answeringBy(model: VendorModel, name: string): VendorModel {
  return withStream(model, async (options) => {
    const result = await model.doStream(options)
    return { ...result, stream: result.stream.pipeThrough(answerText(name)) }
  })
}

type Part = LanguageModelV4StreamPart

/** The part of the model's stream that is held back. Text that is released has its id. */
export const heldPart = ({ rawValue }: Extract<Part, { type: 'raw' }>) =>
  rawValue as Part | undefined

type Controller = TransformStreamDefaultController<Part>

const isTextPart = ({ type }: Part) => type.startsWith('text-')

function answerText(name: string) {
  const held: Part[] = []
  /** Ids of calls of the tool whose arguments have begun. */
  const open = new Set<string>()
  let answers = 0

  /** Reports progress: the idle timeout does not end the call, and the model's output counts. */
  const hold = (controller: Controller, part: Part) =>
    controller.enqueue({ type: 'raw', rawValue: part })

  return new TransformStream<Part, Part>({
    transform(part, controller) {
      if (isTextPart(part)) {
        held.push(part)
        return hold(controller, part)
      }
      if (part.type === 'tool-input-start' && part.toolName === name) {
        open.add(part.id)
        return hold(controller, part)
      }
      if (part.type === 'tool-input-delta' && open.has(part.id)) return hold(controller, part)
      if (part.type === 'tool-input-end' && open.has(part.id)) return hold(controller, part)
      if (part.type === 'tool-call' && part.toolName === name) {
        answers += 1
        if (answers === 1) writeText(controller, part.toolCallId, part.input)
        return
      }
      if (part.type === 'finish' && answers === 0) for (const text of held) controller.enqueue(text)
      controller.enqueue(part)
    },
  })
}

function writeText(controller: Controller, id: string, delta: string) {
  controller.enqueue({ type: 'text-start', id })
  controller.enqueue({ type: 'text-delta', id, delta })
  controller.enqueue({ type: 'text-end', id })
}
