"""Everything that imports streamlit or plotly, apart from the pages."""
