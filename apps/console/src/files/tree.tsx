import { UnstyledButton } from '@mantine/core'
import type { FileInfo } from '@outlast/sdk'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, useMemo, useRef } from 'react'
import { useKept } from '../sessions/parts/kept.tsx'
import { Icon } from '../shell/controls/icon.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { sizeOf } from './content.ts'
import { rowsOf } from './tree-rows.ts'

const rowHeight = 28
const indentPx = 14

type TreeProps = {
  files: readonly FileInfo[]
  chosen: string | undefined
  show: (path: string) => void
}

/** The file tree. Arrow keys move, expand and collapse. */
export function Tree({ files, chosen, show }: TreeProps) {
  const [closed, setClosed] = useKept<ReadonlySet<string>>('closed folders', new Set())
  const rows = useMemo(() => rowsOf(files, closed), [files, closed])
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 20,
  })
  const fold = (path: string, isOpen: boolean) => {
    const next = new Set(closed)
    if (isOpen) next.delete(path)
    else next.add(path)
    setClosed(next)
  }

  function onKeyDown(event: KeyboardEvent<HTMLElement>, { path, is_directory }: FileInfo) {
    const row = event.currentTarget
    if (event.key === 'ArrowDown') focus(row.nextElementSibling)
    else if (event.key === 'ArrowUp') focus(row.previousElementSibling)
    else if (event.key === 'ArrowLeft' && is_directory) fold(path, false)
    else if (event.key === 'ArrowRight' && is_directory) fold(path, true)
    else return
    event.preventDefault()
  }

  return (
    <div ref={box} className="scroll">
      <div
        role="tree"
        aria-label="Files"
        className="tall"
        style={{ height: virtual.getTotalSize() }}
      >
        {virtual.getVirtualItems().map(({ index, start }) => {
          const file = rows[index]!
          return (
            <FileRow
              key={file.path}
              file={file}
              top={start}
              isOpen={!closed.has(file.path)}
              isChosen={file.path === chosen}
              onClick={() =>
                file.is_directory ? fold(file.path, closed.has(file.path)) : show(file.path)
              }
              onKeyDown={(event) => onKeyDown(event, file)}
            />
          )
        })}
      </div>
    </div>
  )
}

type RowProps = {
  file: FileInfo
  top: number
  isOpen: boolean
  isChosen: boolean
  onClick: () => void
  onKeyDown: (event: KeyboardEvent<HTMLElement>) => void
}

function FileRow({ file, top, isOpen, isChosen, onClick, onKeyDown }: RowProps) {
  const { path, name, is_directory, size_bytes } = file
  const depth = path.split('/').length - 2
  return (
    <UnstyledButton
      role="treeitem"
      aria-level={depth + 1}
      aria-selected={isChosen}
      aria-expanded={is_directory ? isOpen : undefined}
      className="tree-row"
      style={{ transform: `translateY(${top}px)`, paddingLeft: 8 + depth * indentPx }}
      onClick={onClick}
      onKeyDown={onKeyDown}
    >
      <Icon name={is_directory ? 'folder' : 'file'} size={14} />
      <span className="tree-name">{escaped(name)}</span>
      {!is_directory && <span className="tree-size">{sizeOf(size_bytes)}</span>}
    </UnstyledButton>
  )
}

function focus(element: Element | null) {
  if (element instanceof HTMLElement) element.focus()
}
