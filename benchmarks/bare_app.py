"""The peer of the pages: the least that a Streamlit page with a heading, a table and a slider can be."""

import pandas as pd
import streamlit as st

st.title("Bare")
st.dataframe(pd.DataFrame({"name": ["blue", "green"], "share": [70, 30]}))
st.slider("Share", 0, 100, 70)
