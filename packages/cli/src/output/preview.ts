import type { Preview } from '@outlast/sdk'
import type { Output } from './output.ts'
import { listIn } from './rows.ts'

/** Prints the prompt and tools of the next model call. */
export async function showPreview(out: Output, preview: Preview): Promise<void> {
  if (out.mode === 'json') return out.json(preview)
  const { model, system_prompt } = preview
  const tools = listIn(preview.tools)
  await out.item(preview, {
    Model: model ? `${model.model_id} (${model.id})` : 'none (a turn would fail)',
    Capabilities: () => preview.capabilities.map(({ ref }) => ref).join(', '),
    Tools: tools.length,
  })
  for (const warning of listIn(preview.warnings)) out.note(`Warning: ${warning}`)
  if (tools.length > 0) {
    await out.line('')
    await out.list(
      tools,
      [
        { title: 'TOOL', value: ({ name }) => name },
        { title: 'POLICY', value: ({ policy }) => policy },
        { title: 'FROM', value: ({ capability_id }) => capability_id ?? 'the client' },
        { title: 'DESCRIPTION', value: ({ description }) => description, isFlexible: true },
      ],
      { empty: '', idOf: ({ name }) => name },
    )
  }
  if (out.mode !== 'text') return
  await out.line('\nSystem prompt:\n')
  await out.text(system_prompt ?? '-')
}
