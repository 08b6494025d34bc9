/**
 * Focuses the head of the card, or of the row, that contains an element. The form in it
 * disappears after the answer, and keyboard users continue from the head.
 */
export function focusCard(element: Element): void {
  const card = element.closest('.tool, .list li')
  card?.querySelector<HTMLElement>('.tool-head, .list-link')?.focus({ preventScroll: true })
}
