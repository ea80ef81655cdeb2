"""Know how Dynamics writes its hosts, names, ids and form defaults: text in, text out."""
