//! Module 8: joins the clips on absolute frame numbers and muxes the song once.
