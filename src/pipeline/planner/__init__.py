"""Turns opportunities into plans: six factors, a simulation on current pool state, the factors again."""
