import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef } from 'react'
import { ListFrame, type ListRowsProps } from './list.tsx'

/** Height of a row in pixels before it is measured. */
const rowHeight = 36

/** Renders only visible rows, in a scroll box of its own. */
export function LongRows<Item>({ label, items, row }: ListRowsProps<Item>) {
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  })
  return (
    <div ref={box} className="scroll">
      {items.length > 0 && (
        <ListFrame>
          <ul aria-label={label} className="list-long" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map(({ index, start }) =>
              row(items[index]!, {
                'data-index': index,
                ref: virtual.measureElement,
                style: { transform: `translateY(${start}px)` },
              }),
            )}
          </ul>
        </ListFrame>
      )}
    </div>
  )
}
