const PAGE = 60; // messages

/** Where the stream of a session begins for a page that knows nothing of it yet. */
export const newestOf = (api: string) => `${api}/agui/events?newest=${PAGE}`;
