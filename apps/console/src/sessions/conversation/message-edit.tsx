import { Button, Group, Textarea } from '@mantine/core'
import type { UserMessage } from '@outlast/sdk'
import { sentenceOf } from '../../errors.ts'
import { useRetake } from './retake.ts'

type EditProps = {
  item: UserMessage
  text: string
  setText: (text: string) => void
  close: () => void
}

/** The text of a sent message, to change it and send it again. Attachments stay. */
export function MessageEdit({ item, text, setText, close }: EditProps) {
  const retake = useRetake()
  const others = item.content.filter(({ type }) => type !== 'text')
  const content = [{ type: 'text' as const, text }, ...others] as never
  return (
    <div className="message-edit">
      <Textarea
        aria-label="Edited message"
        autosize
        minRows={1}
        maxRows={12}
        value={text}
        data-autofocus
        autoFocus
        onChange={({ currentTarget }) => setText(currentTarget.value)}
      />
      {retake.isError && <div role="alert">{sentenceOf(retake.error)}</div>}
      <Group gap="xs" mt={8} justify="flex-end">
        <span className="message-edit-note">
          Continues in a new session. This one stays as it is.
        </span>
        <Button size="xs" variant="default" onClick={close}>
          Cancel
        </Button>
        <Button
          size="xs"
          disabled={text.trim() === ''}
          loading={retake.isPending}
          onClick={() => retake.mutate({ messageId: item.id, message: { content } })}
        >
          Send again
        </Button>
      </Group>
    </div>
  )
}
