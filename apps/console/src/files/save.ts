/** Downloads a file in the browser. */
export function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** Downloads JSON Lines that the server streams. */
export async function saveLines(pieces: AsyncIterable<Uint8Array>, name: string): Promise<void> {
  const known: BlobPart[] = []
  for await (const piece of pieces) known.push(piece as BlobPart)
  saveBlob(new Blob(known, { type: 'application/x-ndjson' }), name)
}
