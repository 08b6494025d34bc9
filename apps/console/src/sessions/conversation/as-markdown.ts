import type { ToolCallItem, TranscriptItem } from '@outlast/sdk'

/** A fence that is longer than every run of backticks in the text. */
function fenced(text: string, language = ''): string {
  const runs = text.match(/`{3,}/g) ?? []
  const fence = '`'.repeat(Math.max(3, ...runs.map(({ length }) => length + 1)))
  return `${fence}${language}\n${text}\n${fence}`
}

function toolOf({ name, arguments: given, result, error, status }: ToolCallItem): string {
  const input = fenced(JSON.stringify(given, null, 2), 'json')
  const texts = (result ?? []).map((part) =>
    part.type === 'text'
      ? fenced(part.text)
      : part.type === 'image'
        ? '*Image*'
        : fenced(JSON.stringify(part)),
  )
  const outcome = error === undefined ? texts : [fenced(error)]
  return [`**Tool ${name}** (${status})`, input, ...outcome].join('\n\n')
}

function markdownOfItem(item: TranscriptItem): string | undefined {
  switch (item.kind) {
    case 'user_message': {
      const images = item.content.filter(({ type }) => type === 'image' || type === 'image_file')
      const body = [item.text, ...images.map(() => '*Image*')].filter((part) => part !== '')
      return [`## ${item.author ?? 'User'}`, ...body].join('\n\n')
    }
    case 'agent_message':
      return item.text === '' ? undefined : `## Agent\n\n${item.text}`
    case 'tool_call':
      return toolOf(item)
    case 'notice':
      return item.type === 'turn.failed' ? `> Turn failed: ${item.data.error}` : undefined
  }
}

/** Writes a conversation as Markdown. Pure. */
export function markdownOf(title: string, items: readonly TranscriptItem[]): string {
  const parts = items.map(markdownOfItem).filter((text) => text !== undefined)
  return `${[`# ${title}`, ...parts].join('\n\n')}\n`
}
