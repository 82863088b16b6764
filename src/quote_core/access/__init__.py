"""Who may ask: tokens and what they allow, what one client may use, certificates, and what admin calls leave behind.

| module         | is                                                                   |
|----------------|----------------------------------------------------------------------|
| `scopes`       | what a token can allow, and which gRPC calls ask for what             |
| `access_file`  | the tokens a server knows, by their hashes                            |
| `budget`       | what one client has used of what it may                               |
| `gate`         | one call in, the client or a refusal out                              |
| `audit`        | the line of an admin call                                             |
| `certificates` | certificates and keys of a server, checked before they are used       |
| `control`      | all of it for one process, and anew on SIGHUP                         |
| `exposure`     | whether a server may listen where it is told to                       |
| `caller`       | the other side: what our own clients show                             |

Speaks of no protocol: `serving.work` asks the gate for gRPC, `web.admission` for HTTP.
"""
