import { Anchor, Button, Group, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Session } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { type FormEvent, type ReactNode, useState } from 'react'
import { outlast, sentenceOf } from '../../client.ts'
import { saveBlob } from '../../files/save.ts'
import { useMay } from '../../login/me.ts'
import { Ago } from '../../shell/ago.tsx'
import { Confirm } from '../../shell/confirm.tsx'
import { Failure } from '../../shell/screen.tsx'
import { useAgent, useModels } from '../composer/controls.tsx'
import { CopyAction } from '../conversation/message-actions.tsx'
import { useSession } from '../use-session.ts'
import { PromptPreview } from './preview.tsx'
import { useWhy, withLocalTimes } from './why.tsx'

/** Everything that is known of a session beside its conversation. */
export function DetailsPanel({ sessionId }: { sessionId: string }) {
  const { data: session, error, refetch } = useSession(sessionId)
  if (error) return <Failure error={error} retry={refetch} />
  if (!session) return null
  return (
    <Stack className="scroll details" gap="lg">
      <Why sessionId={sessionId} />
      <Editing key={JSON.stringify([session.title, session.tags])} session={session} />
      <Facts session={session} />
      <PromptPreview sessionId={sessionId} />
      <LegalHold session={session} />
      <Ending session={session} />
    </Stack>
  )
}

/** What it does or waits for, in one sentence, kept up to date. */
function Why({ sessionId }: { sessionId: string }) {
  const { data, error } = useWhy(sessionId)
  if (error) return <Failure error={error} />
  return (
    <div className="why" role="status">
      <Text size="sm">{data && withLocalTimes(data.sentence)}</Text>
      {data && (
        <Text size="xs" c="dimmed">
          {data.state.replaceAll('_', ' ')} · <Ago at={data.since} />
          {data.node && `, on ${data.node}`}
        </Text>
      )}
    </div>
  )
}

function Editing({ session }: { session: Session }) {
  const [title, setTitle] = useState(session.title ?? '')
  const [tags, setTags] = useState(session.tags)
  const client = useQueryClient()
  const save = useMutation({
    mutationFn: () => outlast.sessions.update(session.id, { title, tags }),
    onSuccess(changed) {
      client.setQueryData(['session', session.id], changed)
      client.invalidateQueries({ queryKey: ['sessions'] })
    },
  })
  const isChanged = title !== (session.title ?? '') || tags.join() !== session.tags.join()
  return (
    <form
      onSubmit={(event: FormEvent) => {
        event.preventDefault()
        save.mutate()
      }}
    >
      <Stack gap="xs">
        <TextInput
          size="xs"
          label="Title"
          maxLength={255}
          value={title}
          onChange={({ currentTarget }) => setTitle(currentTarget.value)}
        />
        <TagsInput size="xs" label="Tags" maxTags={50} value={tags} onChange={setTags} />
        <Group justify="flex-end">
          {save.isError && (
            <Text size="sm" c="red" role="alert" flex={1}>
              {sentenceOf(save.error)}
            </Text>
          )}
          <Button size="xs" type="submit" disabled={!isChanged} loading={save.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function Facts({ session }: { session: Session }) {
  const { id, agent_id, model_id, forked_from, capabilities } = session
  const agent = useAgent(agent_id).data
  const tools = [...(agent?.tools ?? []), ...session.tools]
  const models = useModels().data
  const modelId = model_id ?? agent?.default_model_id
  const model =
    models?.find((one) => one.id === modelId) ?? models?.find(({ is_default }) => is_default)
  return (
    <dl className="facts">
      <Fact name="Session">
        <code>{id}</code>
        <CopyAction label="Copy the session's id" icon="copy" text={id} />
      </Fact>
      <Fact name="Agent">
        <Anchor
          size="sm"
          renderRoot={(props) => (
            <Link to="/agents/$agentId" params={{ agentId: agent_id }} {...props} />
          )}
        >
          {agent?.name ?? '…'}
        </Anchor>{' '}
        <code>{agent_id}</code>
        <CopyAction label="Copy the agent's id" icon="copy" text={agent_id} />
      </Fact>
      <Fact name="Model">
        {model ? `${model.display_name} · ${model.provider_name}` : 'none'}
        {!model_id && (agent?.default_model_id ? ', as its agent says' : ', the default')}
      </Fact>
      <Fact name="Capabilities">
        {[...(agent?.capabilities ?? []), ...capabilities].map(({ ref }) => ref).join(', ') ||
          'none'}
      </Fact>
      {tools.length > 0 && (
        <Fact name="Tools of its client">{tools.map(({ name }) => name).join(', ')}</Fact>
      )}
      {forked_from && (
        <Fact name="Forked from">
          <Anchor
            size="sm"
            renderRoot={(props) => (
              <Link
                to="/sessions/$sessionId"
                params={{ sessionId: forked_from.session_id }}
                {...props}
              />
            )}
          >
            another session
          </Anchor>
          , at event {forked_from.sequence}
        </Fact>
      )}
      <Fact name="Created">
        <Ago at={session.created_at} />
      </Fact>
    </dl>
  )
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

/** Administrators switch the hold; others see it. */
function LegalHold({ session }: { session: Session }) {
  const mayHold = useMay('admin')
  const client = useQueryClient()
  const save = useMutation({
    mutationFn: (legal_hold: boolean) => outlast.sessions.update(session.id, { legal_hold }),
    onSuccess: (changed) => client.setQueryData(['session', session.id], changed),
  })
  return (
    <Switch
      size="sm"
      label="Legal hold"
      description="A held session cannot be deleted and does not expire."
      checked={session.legal_hold ?? false}
      disabled={!mayHold || save.isPending}
      error={save.isError && sentenceOf(save.error)}
      onChange={({ currentTarget }) => save.mutate(currentTarget.checked)}
    />
  )
}

function Ending({ session: { id: sessionId, legal_hold } }: { session: Session }) {
  const [isAsking, { open, close }] = useDisclosure()
  const navigate = useNavigate()
  const client = useQueryClient()
  const save = useMutation({
    async mutationFn() {
      const portions: BlobPart[] = []
      for await (const portion of await outlast.sessions.export(sessionId)) {
        portions.push(portion as BlobPart)
      }
      saveBlob(new Blob(portions, { type: 'application/x-ndjson' }), `${sessionId}.jsonl`)
    },
  })
  async function remove() {
    await outlast.sessions.delete(sessionId)
    client.invalidateQueries({ queryKey: ['sessions'] })
    navigate({ to: '/' })
  }
  return (
    <>
      <Group gap="xs">
        <Button size="xs" variant="default" loading={save.isPending} onClick={() => save.mutate()}>
          Export as JSON lines
        </Button>
        <Button size="xs" variant="light" color="red" disabled={legal_hold} onClick={open}>
          Delete the session
        </Button>
      </Group>
      {save.isError && (
        <Text size="sm" c="red" role="alert">
          {sentenceOf(save.error)}
        </Text>
      )}
      {isAsking && (
        <Confirm title="Delete this session?" verb="Delete" act={remove} close={close}>
          Its conversation, events and files are gone for good. A turn that runs is ended.
        </Confirm>
      )}
    </>
  )
}
