"""CS3a as a forger needs it, with nothing but Python's own library.

x25519, salsa, poly1305   the primitives; slow and not constant in time, which is right for a test
cs3a                      opens and lines, sealed with a MAC key instead of a static secret
steal                     the MAC key of two nodes from two of their opens (roots: its arithmetic)
wire                      the path between two nodes, which sees every datagram and changes none
forger                    what is done with all that
"""
