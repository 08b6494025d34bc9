import { Anchor, Button, Group, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core'
import type { Session } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { invalidate, outlast, queryClient } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { saveLines } from '../../files/save.ts'
import { changedIn } from '../../form/draft-state.ts'
import { Refused } from '../../form/form-modal.tsx'
import { Leaving } from '../../form/leaving.tsx'
import { useSaveForm } from '../../form/use-save-form.ts'
import { useAgent } from '../../queries/agents.ts'
import { sessionKeys } from '../../queries/keys.ts'
import { useMay } from '../../queries/me.ts'
import { modelsQuery } from '../../queries/models.ts'
import { sessionQuery, whyQuery } from '../../queries/sessions.ts'
import { ActButton, AskButton } from '../../shell/controls/act-button.tsx'
import { Problem } from '../../shell/screen/problem.tsx'
import { Failure } from '../../shell/screen/screen.tsx'
import { Skeleton } from '../../shell/screen/skeleton.tsx'
import { Ago } from '../../shell/text/ago.tsx'
import { withLocalTimes } from '../../shell/text/times.ts'
import { CopyAction } from '../parts/action.tsx'
import { ToolRules } from '../tools/tool-rules.tsx'
import { Family } from './family.tsx'
import { PromptPreview } from './preview.tsx'

/** State, metadata, prompt preview and settings of a session. */
export function DetailsPanel({ sessionId }: { sessionId: string }) {
  const { data: session, error, refetch } = useQuery(sessionQuery(sessionId))
  const failure = error && <Failure error={error} retry={refetch} />
  if (!session) return failure ?? <Skeleton of="text" />
  return (
    <Stack className="scroll details" gap="lg">
      {failure}
      <Why sessionId={sessionId} />
      <Editing session={session} />
      <Facts session={session} />
      <Family session={session} />
      <PromptPreview sessionId={sessionId} />
      <ToolRules owner="session" id={sessionId} />
      <LegalHold session={session} />
      <Ending session={session} />
    </Stack>
  )
}

/** The current state of the session and its reason. Updated live. */
function Why({ sessionId }: { sessionId: string }) {
  const { data, error } = useQuery(whyQuery(sessionId))
  if (error) return <Failure error={error} />
  return (
    <div className="why" role="status">
      <Text size="sm">{data && withLocalTimes(data.sentence)}</Text>
      <Text size="xs" c="dimmed">
        {data && (
          <>
            {data.state.replaceAll('_', ' ')} · <Ago at={data.since} />
            {data.node && `, on ${data.node}`}
          </>
        )}
      </Text>
    </div>
  )
}

const editedOf = (session: Session | undefined) => ({
  title: session?.title ?? '',
  tags: session?.tags ?? [],
})

function Editing({ session }: { session: Session }) {
  const form = useSaveForm({
    stored: session,
    draftOf: editedOf,
    save: (draft, base) => outlast.sessions.update(session.id, changedIn(draft, editedOf(base))),
    done: 'Session saved',
    onSaved(changed) {
      queryClient.setQueryData(sessionQuery(session.id).queryKey, changed)
      invalidate(sessionKeys.lists)
    },
  })
  return (
    <form onSubmit={form.onSubmit}>
      <Leaving isDirty={form.isDirty} parameters={['panel']} />
      <Stack gap="xs">
        <TextInput size="xs" label="Title" maxLength={255} {...form.text('title')} />
        <TagsInput
          size="xs"
          label="Tags"
          maxTags={50}
          value={form.draft.tags}
          onChange={(tags) => form.change({ tags })}
          error={form.problem('tags')}
        />
        <Refused form={form} />
        <Group justify="flex-end">
          <Button size="xs" type="submit" disabled={!form.isDirty} loading={form.isSaving}>
            Save changes
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
  const models = useQuery(modelsQuery).data
  const modelId = model_id ?? agent?.default_model_id
  const model =
    models?.find((one) => one.id === modelId) ?? models?.find(({ is_default }) => is_default)
  return (
    <dl className="facts">
      <SessionFact name="Session">
        <code>{id}</code>
        <CopyAction label="Copy session ID" icon="copy" text={id} />
      </SessionFact>
      <SessionFact name="Agent">
        <Anchor
          size="sm"
          renderRoot={(props) => (
            <Link to="/agents/$agentId" params={{ agentId: agent_id }} {...props} />
          )}
        >
          {agent?.name ?? '…'}
        </Anchor>{' '}
        <code>{agent_id}</code>
        <CopyAction label="Copy agent ID" icon="copy" text={agent_id} />
      </SessionFact>
      <SessionFact name="Model">
        {model ? `${model.display_name} · ${model.provider_name}` : 'None'}
        {!model_id && (agent?.default_model_id ? ' (agent default)' : ' (default)')}
      </SessionFact>
      <SessionFact name="Capabilities">
        {[...(agent?.capabilities ?? []), ...capabilities].map(({ ref }) => ref).join(', ') ||
          'None'}
      </SessionFact>
      {tools.length > 0 && (
        <SessionFact name="Client tools">{tools.map(({ name }) => name).join(', ')}</SessionFact>
      )}
      {forked_from && (
        <SessionFact name="Forked from">
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
            Source session
          </Anchor>{' '}
          at event {forked_from.sequence}
        </SessionFact>
      )}
      <SessionFact name="Created">
        <Ago at={session.created_at} />
      </SessionFact>
    </dl>
  )
}

const SessionFact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

/** Shows the legal hold. Only administrators can change it. */
function LegalHold({ session }: { session: Session }) {
  const mayHold = useMay('admin')
  const save = useMutation({
    mutationFn: (legal_hold: boolean) => outlast.sessions.update(session.id, { legal_hold }),
    onSuccess: (changed) => queryClient.setQueryData(sessionQuery(session.id).queryKey, changed),
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
  const navigate = useNavigate()
  const save = useMutation({
    mutationFn: async () =>
      saveLines(await outlast.sessions.export(sessionId), `${sessionId}.jsonl`),
  })
  async function remove() {
    await outlast.sessions.delete(sessionId)
    invalidate(sessionKeys.lists)
    navigate({ to: '/', ignoreBlocker: true })
  }
  return (
    <>
      <Group gap="xs">
        <ActButton act={save}>Export as JSON Lines</ActButton>
        <AskButton
          label="Delete session"
          title="Delete this session?"
          verb="Delete session"
          done="Session deleted"
          act={remove}
          variant="light"
          color="red"
          disabled={legal_hold ?? false}
        >
          Its messages, events and files are deleted, and a running turn is stopped. This cannot be
          undone.
        </AskButton>
      </Group>
      <Problem error={save.error} />
    </>
  )
}
