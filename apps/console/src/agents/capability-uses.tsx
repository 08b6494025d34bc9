import { ActionIcon, Badge, Group, Select, Text } from '@mantine/core'
import type { CapabilityInfo, CapabilityUse } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { type DragEvent, type ReactNode, useContext, useState } from 'react'
import { capabilitiesQuery } from '../queries/capabilities.ts'
import { Icon } from '../shell/controls/icon.tsx'
import type { AgentFormProps } from './basics.tsx'
import { ConfigFields } from './config-field.tsx'
import { JsonField } from './json-field.tsx'
import { isBelow, Problems, useProblem } from './problems.ts'
import type { Schema } from './schema.ts'

/** The capabilities of an agent in order, each with its configuration. */
export function CapabilityUses({ form: { draft, change } }: AgentFormProps) {
  const { uses } = draft
  const known = useQuery(capabilitiesQuery)
  const [dragged, setDragged] = useState<number>()
  const all = known.data?.data ?? []
  const set = (next: CapabilityUse[]) => change({ uses: next })
  const move = (from: number, to: number) => {
    const one = uses[from]
    if (one) set(uses.toSpliced(from, 1).toSpliced(to, 0, one))
  }
  const free = all.filter(
    ({ id, status }) => status === 'available' && !uses.some(({ ref }) => ref === id),
  )
  return (
    <fieldset className="uses">
      <legend>Capabilities</legend>
      {uses.map((use, at) => (
        <UseCard
          key={use.ref}
          use={use}
          at={at}
          isLast={at === uses.length - 1}
          capability={all.find(({ id }) => id === use.ref)}
          isLoaded={known.isSuccess}
          isComing={known.isPending}
          change={(next) => set(uses.with(at, next))}
          remove={() => set(uses.toSpliced(at, 1))}
          move={(to) => move(at, to)}
          drag={{
            onDragStart: () => setDragged(at),
            onDragEnd: () => setDragged(undefined),
            onDragOver: (event) => dragged !== undefined && event.preventDefault(),
            onDrop: (event) => {
              event.preventDefault()
              if (dragged !== undefined) move(dragged, at)
              setDragged(undefined)
            },
          }}
        />
      ))}
      <Select
        size="sm"
        aria-label="Add capability"
        placeholder="Add capability"
        searchable
        data={free.map(({ id, name }) => ({ value: id, label: name }))}
        value={null}
        onChange={(ref) => ref && set([...uses, { ref }])}
        nothingFoundMessage="No capabilities match"
        error={known.isError && 'Could not load the capability catalog.'}
      />
    </fieldset>
  )
}

type CardProps = {
  use: CapabilityUse
  at: number
  isLast: boolean
  capability: CapabilityInfo | undefined
  isLoaded: boolean
  /** Its name and form are loading. */
  isComing: boolean
  change: (use: CapabilityUse) => void
  remove: () => void
  move: (to: number) => void
  drag: Record<'onDragStart' | 'onDragEnd', () => void> &
    Record<'onDragOver' | 'onDrop', (event: DragEvent) => void>
}

function UseCard(props: CardProps) {
  const { use, at, isLast, capability, isLoaded, isComing, change, remove, move, drag } = props
  const { onDragStart, onDragEnd, ...drop } = drag
  const name = capability?.name ?? (isComing ? '…' : use.ref)
  return (
    <section className="use" aria-label={name} {...drop}>
      <Group
        className="use-head"
        gap={4}
        wrap="nowrap"
        draggable
        onDragStart={onDragStart}
        onDragEnd={onDragEnd}
      >
        <span className="grip">
          <Icon name="grip" size={15} />
        </span>
        <Text size="sm" fw={600} truncate flex={1}>
          {name}{' '}
          {isLoaded && !capability && (
            <Badge size="xs" color="red" variant="light">
              Not found
            </Badge>
          )}
        </Text>
        <Small label={`Move ${name} up`} isDisabled={at === 0} onClick={() => move(at - 1)}>
          <Icon name="up" size={14} />
        </Small>
        <Small label={`Move ${name} down`} isDisabled={isLast} onClick={() => move(at + 1)}>
          <Icon name="down" size={14} />
        </Small>
        <Small label={`Remove ${name}`} onClick={remove}>
          <Icon name="close" size={14} />
        </Small>
      </Group>
      {!isComing && <Config use={use} at={at} capability={capability} change={change} />}
    </section>
  )
}

type SmallProps = { label: string; isDisabled?: boolean; onClick: () => void; children: ReactNode }

/** A small button. Stays focusable when disabled, so that it keeps the focus after a move. */
const Small = ({ label, isDisabled = false, onClick, children }: SmallProps) => (
  <ActionIcon
    size="sm"
    variant="subtle"
    color="gray"
    aria-label={label}
    aria-disabled={isDisabled}
    data-disabled={isDisabled || undefined}
    onClick={() => isDisabled || onClick()}
  >
    {children}
  </ActionIcon>
)

type ConfigProps = Pick<CardProps, 'use' | 'at' | 'capability' | 'change'>

function Config({ use, at, capability, change }: ConfigProps) {
  const path = `capabilities/${at}/config`
  const schema = (capability?.config_schema ?? {}) as Schema
  const hasForm = Object.keys(schema.properties ?? {}).length > 0
  const problems = useContext(Problems)
  const hasProblem = problems.some((one) => one.path === path || isBelow(one.path, path))
  const [isOpen, setOpen] = useState(use.config !== undefined)
  const [isJson, setJson] = useState(false)
  const set = (config: unknown) =>
    change({ ref: use.ref, ...(isNothing(config) ? undefined : { config }) })
  return (
    <>
      <Loose at={at} schema={schema} isJson={isJson} />
      <details
        open={isOpen || hasProblem}
        onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
      >
        <summary>Configuration</summary>
        {hasForm && !isJson ? (
          <ConfigFields schema={schema} path={path} value={use.config} onChange={set} />
        ) : (
          <JsonField label="Configuration (JSON)" path={path} value={use.config} onChange={set} />
        )}
        {hasForm && (
          <button type="button" className="as-json" onClick={() => setJson(!isJson)}>
            {isJson ? 'Edit as form' : 'Edit as JSON'}
          </button>
        )}
      </details>
    </>
  )
}

const isNothing = (config: unknown) =>
  config === undefined ||
  (typeof config === 'object' && config !== null && Object.keys(config).length === 0)

/** Problems of a capability that no field of its form shows. */
function Loose({ at, schema, isJson }: { at: number; schema: Schema; isJson: boolean }) {
  const path = `capabilities/${at}`
  const own = [useProblem(path), useProblem(`${path}/ref`)]
  const problems = useContext(Problems)
  const config = `${path}/config`
  const others = problems.filter(({ path: one }) => {
    if (isJson || !(one === config || isBelow(one, config))) return false
    const [field = ''] = one.slice(config.length + 1).split('/')
    return !(field in (schema.properties ?? {}))
  })
  const words = [
    ...own,
    ...others.map((one) => `${one.path.slice(path.length + 1)} ${one.message}`),
  ].filter(Boolean)
  if (words.length === 0) return null
  return (
    <Text size="xs" c="var(--outlast-fail-text)" px="sm">
      {words.join('; ')}
    </Text>
  )
}
